"""The daily words of `breakouts` for tests: the command runs in this process, so it starts at once."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from orchestrator.cli.daily.__main__ import main

JSON = dict[str, Any]


@dataclass
class Ended:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> JSON:
        """The output, parsed as JSON."""
        body: JSON = json.loads(self.out)
        return body


Terminal = Callable[..., Ended]


def terminal_with(
    env: Mapping[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Terminal:
    """Return a function that runs the command with this environment and the variables of each call."""

    def run(*arguments: str, **more: str) -> Ended:
        with monkeypatch.context() as patched:
            for name, value in {"COLUMNS": "200", "NO_COLOR": "1", **env, **more}.items():
                patched.setenv(name, value)
            patched.setattr("sys.argv", ["breakouts", *arguments])
            with pytest.raises(SystemExit) as ended:
                main()
        printed = capsys.readouterr()
        return Ended(int(ended.value.code or 0), printed.out, printed.err)

    return run
