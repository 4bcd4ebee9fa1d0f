"""`.env.example` names every setting with its default, and everything that compose.yaml requires."""

import re
from pathlib import PurePath
from typing import Any

import pytest
from pydantic import SecretStr

from orchestrator.settings import Settings
from tests.support import compose


def as_text(default: Any) -> str:
    """Format a default as in `.env`."""
    match default:
        case None:
            return ""
        case SecretStr():
            return default.get_secret_value()
        case bool():
            return str(default).lower()
        case float():
            return f"{default:g}"
        case PurePath():
            return default.as_posix()
        case _:
            return str(default)


def lines() -> dict[str, str]:
    """Return the lines that `.env.example` should contain for each setting."""
    return {
        name.upper(): f"# {field.description or 'What it is for.'}\n#{name.upper()}={as_text(field.default)}"
        for name, field in Settings.model_fields.items()
    }


def test_every_setting_is_in_the_example() -> None:
    missing = [words for name, words in lines().items() if name not in compose.example_of_all()]
    assert not missing, "add to .env.example, each in the section where it belongs:\n\n" + "\n".join(missing)


def test_the_example_names_nothing_that_nobody_reads() -> None:
    unknown = set(compose.example_of_all()) - set(lines()) - set(compose.variables())
    assert not unknown, f"neither orchestrator/settings.py nor compose.yaml knows {sorted(unknown)}: take them out"


def test_compose_asks_for_nothing_that_the_example_leaves_out() -> None:
    assert set(compose.variables()) - set(compose.example_of_all()) == set()


def test_the_example_shows_the_defaults() -> None:
    shown = compose.example_of_all()
    wrong = [words for name, words in lines().items() if shown.get(name, "") != words.rsplit("=", 1)[1]]
    assert not wrong, "the defaults of orchestrator/settings.py are:\n\n" + "\n".join(wrong)


def test_every_entry_is_explained() -> None:
    """Require a line of text before each entry, or before a group of entries."""
    alone = re.findall(r"^\n#?([A-Z][A-Z0-9_]+)=", compose.EXAMPLE.read_text(), re.MULTILINE)
    assert not alone, f"say what these are for: {alone}"


def test_what_is_left_to_be_filled_in_is_what_compose_requires_and_has_no_default() -> None:
    required = {name for name, optional in compose.variables().items() if not optional}
    assert set(compose.example()) == required
    assert set(compose.example().values()) == {""}


@pytest.mark.parametrize("name", [name for name, optional in compose.variables().items() if not optional])
def test_compose_says_what_to_do_about_each_that_is_missing(name: str) -> None:
    rest = dict.fromkeys(set(compose.example()) - {name}, "x")
    with pytest.raises(compose.Missing, match=f"{name}: set "):
        compose.filled_in(compose.services(), rest)
