"""Find the names of things that exist, and the names in a page."""

import re
from typing import Any

import typer
from typer.main import get_command

from orchestrator.api.sessions import COOKIE
from orchestrator.cli import keys, presets
from orchestrator.cli.daily.__main__ import app as daily_words
from orchestrator.cli.demo.__main__ import demo
from orchestrator.cli.doctor.__main__ import doctor
from orchestrator.cli.main import app as main
from orchestrator.cli.sweep import sweep
from tests.support.processes import ROOT

PACKAGES = ("schemas", "orchestrator", "workers")
METRIC = re.compile(r"\bbreakouts_[a-z_]+\b")
FAMILY = re.compile(r"^# HELP (\w+)", re.MULTILINE)
SUFFIXES = re.compile(r"_(bucket|sum|count|created)$")
TARGET = re.compile(r"^([a-z-]+):.*## ", re.MULTILINE)
MAKE_VARIABLE = re.compile(r"^([A-Z_]+) \?=", re.MULTILINE)


def metrics(text: str) -> set[str]:
    """Return the metrics that a page names. The console's cookie is called as if it were one."""
    return {SUFFIXES.sub("", name) for name in METRIC.findall(text)} - {COOKIE}


def families(exposition: str) -> set[str]:
    """Return the metrics that a scrape shows."""
    return set(FAMILY.findall(exposition))


def make_targets() -> set[str]:
    """Return the targets of the Makefile that are for people."""
    return set(TARGET.findall((ROOT / "Makefile").read_text()))


def make_variables() -> set[str]:
    """Return the variables of the Makefile that a caller may set."""
    return set(MAKE_VARIABLE.findall((ROOT / "Makefile").read_text()))


def sources() -> str:
    """Return the code of our packages, with strings that span lines as one."""
    files = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    return re.sub(r'"\s*\n\s*f?"', "", "\n".join(path.read_text() for path in files))


def _single(function: Any) -> Any:
    app = typer.Typer(add_completion=False)
    app.command()(function)
    return get_command(app)


def command_tree() -> Any:
    """Return the command `breakouts`, including those of its commands that become processes of their own."""
    tree: Any = get_command(main)
    daily: Any = get_command(daily_words)
    tree.commands |= daily.commands | {
        "keys": get_command(keys.app),
        "presets": get_command(presets.app),
        "demo": _single(demo),
        "doctor": _single(doctor),
        "sweep": _single(sweep),
    }
    return tree


def wrong_words(tree: Any, words: list[str]) -> list[str]:
    """Return the words of a command line that are neither commands nor options of it."""
    while getattr(tree, "commands", None) and words and not words[0].startswith("--"):
        if words[0] not in tree.commands:
            return [] if words[0] == "…" else words[:1]
        tree, words = tree.commands[words[0]], words[1:]
    known = {option for parameter in tree.params for option in [*parameter.opts, *parameter.secondary_opts]}
    return [word for word in words if word.startswith("--") and word != "--help" and word.split("=")[0] not in known]
