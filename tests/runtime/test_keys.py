"""`breakouts keys`: create, list and revoke on the command line; a key is shown once."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.cli.keys import main

Run = Callable[..., str]


@pytest.fixture
def keys(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Return a function that runs `breakouts keys …` and returns its output or error message."""
    monkeypatch.setenv("DATABASE_URL", sqlite_url)
    monkeypatch.setenv("BREAKOUTS_HOME", str(tmp_path / "home"))

    def run(*arguments: str, ends: int = 0) -> str:
        monkeypatch.setattr("sys.argv", ["breakouts keys", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        assert (ended.value.code or 0) == ends, printed.err
        return printed.err if ends else printed.out

    return run


def test_a_key_is_made_listed_without_being_shown_and_revoked(keys: Run) -> None:
    key = keys("create", "ci", "--role", "operator").strip()
    assert key.startswith("bok_")
    (listed,) = json.loads(keys("list", "--json"))
    assert (listed["name"], listed["role"], listed["revoked_at"]) == ("ci", "operator", None)
    table = keys("list")
    assert "ci" in table
    assert key not in table
    assert keys("revoke", listed["id"]) == f"revoked ci ({listed['id']})\n"
    assert json.loads(keys("list", "--json"))[0]["revoked_at"].endswith("Z")


def test_as_json_a_key_is_shown_with_all_that_is_known_of_it(keys: Run) -> None:
    made = json.loads(keys("create", "eyes", "--role", "viewer", "--json"))
    assert made.pop("key").startswith("bok_")
    assert json.loads(keys("list", "--json")) == [made]
    assert json.loads(keys("revoke", "eyes", "--json"))["id"] == made["id"]


def test_mistakes_end_in_a_sentence(keys: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys("create", "ci", "--role", "operator")
    assert "there is a key named ci" in keys("create", "ci", "--role", "viewer", ends=2)
    assert "no living key nobody" in keys("revoke", "nobody", ends=2)
    assert "printable" in keys("create", "a\tb", "--role", "viewer", ends=2)
    assert "boss" in keys("create", "x", "--role", "boss", ends=2)
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path / 'empty.db'}")
    assert "breakouts migrate" in keys("list", ends=2)
