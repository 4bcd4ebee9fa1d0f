"""Whatever README.md and docs/ name exists: commands, endpoints, settings, services, files, links, states."""

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from itertools import pairwise
from urllib.parse import urlsplit

import pytest

from orchestrator.settings import Settings
from schemas import states
from tests.api.described import operations
from tests.docs import names
from tests.docs.pages import WAYS, Block, Page, page, pages
from tests.support import compose
from tests.support.processes import ROOT

LANGUAGES = {*(f"sh {way}".strip() for way in WAYS), "python", "js", "text", "mermaid", "nginx", "yaml"}
VARIABLE = re.compile(r"\b[A-Z][A-Z0-9]*_[A-Z0-9_]+\b")
FLOWERS_OWN = {"FLOWER_TASKS_COLUMNS"}
CALL = re.compile(r"\b(GET|POST|PUT|PATCH|DELETE) (/[\w/{}.-]*)")
TABLE_CALL = re.compile(r"`(GET|POST|PUT|PATCH|DELETE) (/[\w/{}.-]*)`")
OUTSIDE = ("/healthz", "/readyz", "/metrics")
DEFAULT = re.compile(r"`([A-Z][A-Z0-9_]+)` \(`?([\w.]+)`?\)")
PATH = re.compile(
    r"^(?:orchestrator|schemas|workers|tests|docs)/[\w./]*$|^[\w.]+\.(?:yaml|toml|lock|example)$|^\.env\.example$"
)
LINK = re.compile(r"\]\(([^)\s]+)\)")
ARROW = re.compile(r"^\s*(\w+) --> (\w+)", re.MULTILINE)
MACHINES: dict[str, Iterable[states.State]] = {
    "BreakoutState": states.BreakoutState,
    "RoomState": states.RoomState,
    "SeatState": states.SeatState,
    "RecordingState": states.RecordingState,
}


def each(page: Page) -> str:
    return page.name


def shell_blocks() -> list[Block]:
    return [block for page in pages() for block in page.blocks if block.language == "sh"]


def lines(text: str, program: str) -> Iterator[list[str]]:
    """The command lines of a program, as words, without what follows in a pipe or a comment."""
    for line in text.replace("\\\n", " ").splitlines():
        if found := re.search(rf"(?:^|[(\s]){program} ([^|;#)`]*)", line):
            yield shlex.split(found[1].replace("'", ""))


@pytest.mark.parametrize("page", pages(), ids=each)
def test_blocks_are_in_languages_that_are_checked(page: Page) -> None:
    found = set(re.findall(r"^```(.+)$", page.text, re.MULTILINE))
    assert found <= LANGUAGES


@pytest.mark.parametrize("page", pages(), ids=each)
def test_commands_and_their_options_exist(page: Page) -> None:
    tree = names.command_tree()
    said = [block.text for block in page.blocks if block.language == "sh"] + page.code
    wrong = [
        (words, bad)
        for text in said
        for words in lines(text, "breakouts")
        if words and (bad := names.wrong_words(tree, words))
    ]
    assert not wrong


def test_each_command_is_told_of() -> None:
    tree = names.command_tree()
    told = "\n".join(page.text for page in pages())
    below = {name: getattr(command, "commands", {"": None}) for name, command in tree.commands.items()}
    lines = [f"breakouts {name} {command}".strip() for name, commands in below.items() for command in commands]
    assert [line for line in lines if line not in told] == []


@pytest.mark.parametrize("page", pages(), ids=each)
def test_what_make_is_asked_for_is_a_target(page: Page) -> None:
    asked = {
        words[0] for text in [*(b.text for b in page.blocks), *page.code] for words in lines(text, "make") if words
    }
    assert {target for target in asked if target.islower()} <= names.make_targets()


def test_compose_is_asked_for_services_that_it_has() -> None:
    commands = [words for block in shell_blocks() for words in lines(block.text, "docker compose")]
    assert commands
    for words in commands:
        scaled = [word.partition("=")[0] for before, word in pairwise(words) if before == "--scale"]
        assert set(scaled) <= set(compose.services())
        plain = [word for word in words[1:] if not word.startswith("-") and word.partition("=")[0] not in scaled]
        if words[0] in ("run", "exec", "logs", "stop", "restart"):
            assert plain[0] in compose.services(), words


@pytest.mark.parametrize("page", pages(), ids=each)
def test_variables_are_settings(page: Page) -> None:
    known = {name.upper() for name in Settings.model_fields} | set(compose.variables()) | FLOWERS_OWN
    named = {name for code in page.code for name in VARIABLE.findall(code)}
    assert named <= known


@pytest.mark.parametrize("page", pages(), ids=each)
def test_defaults_are_those_of_the_settings(page: Page) -> None:
    for name, said in DEFAULT.findall(page.prose):
        field = Settings.model_fields[name.lower()]
        assert said == (f"{field.default:g}" if isinstance(field.default, float) else str(field.default)), name


def _calls(page: Page) -> set[tuple[str, str]]:
    found = {call for code in page.code for call in CALL.findall(code)}
    return {(method, _full(path)) for method, path in found}


def _full(path: str) -> str:
    return path if path.startswith(("/v1/", *OUTSIDE)) else f"/v1{path}"


def _served() -> set[tuple[str, str]]:
    return {(operation.method, operation.path) for operation in operations()}


@pytest.mark.parametrize("page", pages(), ids=each)
def test_calls_exist(page: Page) -> None:
    assert _calls(page) <= _served()


def test_readme_lists_all_calls() -> None:
    table = page("README.md").text.partition("## API at a glance")[2].partition("\n## ")[0]
    assert {(method, _full(path)) for method, path in TABLE_CALL.findall(table)} == _served()


@pytest.mark.parametrize("page", pages(), ids=each)
def test_files_exist(page: Page) -> None:
    assert [name for name in page.code if PATH.match(name) and not (ROOT / name).exists()] == []


def test_readme_places_every_module() -> None:
    table = page("README.md").text.partition("## Where to change what")[2].partition("\n## ")[0]
    told = {name.strip("`/") for name in re.findall(r"`(?:orchestrator/\w+(?:\.py|/))`", table)}
    there = {it for it in (ROOT / "orchestrator").iterdir() if it.suffix == ".py" or (it / "__init__.py").exists()}
    assert told >= {f"orchestrator/{it.name}" for it in there if not it.name.startswith("__")}


@pytest.mark.parametrize("page", pages(), ids=each)
def test_links_lead_somewhere(page: Page) -> None:
    for link in LINK.findall(page.prose):
        parts = urlsplit(link)
        if parts.scheme:
            continue
        target = (page.path.parent / parts.path).resolve() if parts.path else page.path
        assert target.exists(), link
        if parts.fragment:
            anchors = next(it for it in pages() if it.path == target).anchors
            assert parts.fragment in anchors, link


def test_every_page_is_linked_from_the_first() -> None:
    linked = set(LINK.findall(page("README.md").prose))
    assert {it.name for it in pages()} - {"README.md"} <= linked


@pytest.mark.parametrize("name", MACHINES)
def test_pictures_of_states_show_the_legal_moves(name: str) -> None:
    drawn = [it.text for it in page("docs/how-it-works.md").blocks if f"%% {name}\n" in it.text]
    assert len(drawn) == 1
    arrows = {(start, end) for start, end in ARROW.findall(drawn[0]) if start != "[*]"}
    legal = {(start.value, end.value) for start in MACHINES[name] for end in states.moves_from(start)}
    assert arrows == legal


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
@pytest.mark.parametrize(
    "block", [it for page in pages() for it in page.blocks if it.language == "js"], ids=lambda it: it.where
)
def test_scripts_for_browsers_can_be_parsed(block: Block) -> None:
    node = subprocess.run(
        ["node", "--input-type=module", "--check"], input=block.text, capture_output=True, text=True, check=False
    )
    assert node.returncode == 0, node.stderr
