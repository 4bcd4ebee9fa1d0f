"""compose.yaml as Docker Compose reads it: its variables substituted, and the command of each container."""

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from dotenv import dotenv_values
from ruamel.yaml import YAML

from tests.support.processes import BREAKOUTS, ROOT

FILE = ROOT / "compose.yaml"
EXAMPLE = ROOT / ".env.example"
VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?::(?P<kind>[-?])(?P<rest>[^}]*))?\}")


class Missing(Exception):
    """A variable that compose.yaml requires is not set; the message is compose.yaml's."""


@dataclass(frozen=True)
class Container:
    """What the container of one service runs."""

    image: str
    command: list[str]
    environment: dict[str, str]
    check: list[str]


@cache
def document() -> dict[str, Any]:
    """Return compose.yaml with its anchors and merges resolved, and its variables not substituted."""
    found: dict[str, Any] = YAML(typ="safe").load(FILE)
    return found


def services() -> dict[str, dict[str, Any]]:
    """Return all services."""
    found: dict[str, dict[str, Any]] = document()["services"]
    return found


def variables() -> dict[str, bool]:
    """Return the variables that compose.yaml names, and whether each is optional."""
    return {match["name"]: match["kind"] != "?" for match in VARIABLE.finditer(FILE.read_text())}


def container(service: str, env_file: Mapping[str, str]) -> Container:
    """Return one service with the variables of a `.env`. Raises Missing for a required one."""
    written = filled_in(services()[service], env_file)
    given = env_file if written.get("env_file") else {}
    return Container(
        image=written["image"],
        command=[str(word) for word in written["command"]],
        environment={**given, **{name: str(value) for name, value in written["environment"].items()}},
        check=written.get("healthcheck", {}).get("test", ["CMD"])[1:],
    )


def filled_in(value: Any, env_file: Mapping[str, str]) -> Any:
    """Substitute `${NAME}`, `${NAME:-default}` and `${NAME:?what to do}`."""
    if isinstance(value, dict):
        return {key: filled_in(item, env_file) for key, item in value.items()}
    if isinstance(value, list):
        return [filled_in(item, env_file) for item in value]
    return VARIABLE.sub(lambda match: _value(match, env_file), value) if isinstance(value, str) else value


def _value(match: re.Match[str], env_file: Mapping[str, str]) -> str:
    if found := env_file.get(match["name"]):
        return found
    if match["kind"] == "?":
        raise Missing(f"{match['name']}: {match['rest']}")
    return match["rest"] or ""


def example() -> dict[str, str]:
    """Return what .env.example sets, without what it has commented out."""
    return {name: value or "" for name, value in dotenv_values(EXAMPLE, interpolate=False).items()}


def example_of_all() -> dict[str, str]:
    """Return what .env.example names, commented out or not."""
    return dict(re.findall(r"^#?([A-Z][A-Z0-9_]+)=(.*)$", EXAMPLE.read_text(), re.MULTILINE))


def on_this_machine(command: list[str]) -> list[str]:
    """Change a command of the image so that it runs here."""
    programs = {"breakouts": BREAKOUTS, "python": [sys.executable]}
    return [*programs[command[0]], *command[1:]]
