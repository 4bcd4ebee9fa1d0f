"""Which texts may name somebody who is erased, and so are replaced as a whole."""

import unicodedata

import pytest

from orchestrator.domain.erasing import ERASED_TEXT, Eraser

NAMES = [
    ("Marianne", "Marianne, please come back"),
    ("Marianne", "MARIANNES Gruppe kommt bitte zurück"),
    ("Xenia Brown", "xenia, come back"),
    ("Xenia Brown", "Brown's room"),
    ("José", unicodedata.normalize("NFD", "José is late")),
    ("José", "Jose is late"),
    ("Olav", "Olav_ says hi"),
    ("Olav", "(olav)"),
    ("Bo", "Bo!"),
    ("Bob", "Bobs group"),
    ("Jean-Luc Roy", "Jean Luc, come"),
    ("山田 太郎", "山田さん"),
    ("王伟", "王伟请回到主会议室"),
    ("さくら", "みんな、さくらさんを待って"),
    ("김민준", "김민준이 왔어요"),
    ("สมชาย", "เชิญสมชายกลับมา"),
]
OTHERS = [
    ("Bo", "Both rooms are open"),
    ("Ann", "An announcement for all"),
    ("Marianne", "Mari and Anne"),
    ("Anna", "Havannas"),
    ("Mark", "The marketplace"),
    ("Xenia O Brown", "O yes"),
    ("王伟", "王 said so"),
]


@pytest.mark.parametrize(("name", "text"), NAMES)
def test_a_text_that_may_name_somebody_is_replaced(name: str, text: str) -> None:
    assert Eraser({"id-1": "erased-1"}, [name]).text(text) == ERASED_TEXT


@pytest.mark.parametrize(("name", "text"), OTHERS)
def test_another_text_stays(name: str, text: str) -> None:
    assert Eraser({"id-1": "erased-1"}, [name]).text(text) == text


def test_an_id_is_looked_for_as_a_name_is() -> None:
    eraser = Eraser({"zoe-4711@example.com": "erased-1"})
    assert eraser.text("RealtimeKit knows ZOE-4711@example.com already") == ERASED_TEXT
    assert eraser.text("zoe is somebody else") == "zoe is somebody else"
