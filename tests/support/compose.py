"""compose.yaml as Docker Compose reads it: variables filled in, and what each container is started with."""

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
    """What one service's container runs."""

    image: str
    command: list[str]
    environment: dict[str, str]
    check: list[str]


@cache
def document() -> dict[str, Any]:
    """compose.yaml as it is written, anchors and merges resolved, variables not."""
    found: dict[str, Any] = YAML(typ="safe").load(FILE)
    return found


def services() -> dict[str, dict[str, Any]]:
    """Every service of it."""
    found: dict[str, dict[str, Any]] = document()["services"]
    return found


def variables() -> dict[str, bool]:
    """The variables that compose.yaml names, and whether it does without."""
    return {match["name"]: match["kind"] != "?" for match in VARIABLE.finditer(FILE.read_text())}


def container(service: str, env_file: Mapping[str, str]) -> Container:
    """One service with the variables of a `.env`; Missing names what that lacks."""
    written = filled_in(services()[service], env_file)
    given = env_file if written.get("env_file") else {}
    return Container(
        image=written["image"],
        command=[str(word) for word in written["command"]],
        environment={**given, **{name: str(value) for name, value in written["environment"].items()}},
        check=written.get("healthcheck", {}).get("test", ["CMD"])[1:],
    )


def filled_in(value: Any, env_file: Mapping[str, str]) -> Any:
    """The same with `${NAME}`, `${NAME:-default}` and `${NAME:?what to do}` replaced."""
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
    """What .env.example sets, without what it has commented out."""
    return {name: value or "" for name, value in dotenv_values(EXAMPLE, interpolate=False).items()}


def example_of_all() -> dict[str, str]:
    """What .env.example names, commented out or not."""
    return dict(re.findall(r"^#?([A-Z][A-Z0-9_]+)=(.*)$", EXAMPLE.read_text(), re.MULTILINE))


def on_this_machine(command: list[str]) -> list[str]:
    """A command of the image, run from here: the same programs, wherever they are installed."""
    programs = {"breakouts": BREAKOUTS, "python": [sys.executable]}
    return [*programs[command[0]], *command[1:]]
