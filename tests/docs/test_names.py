"""Everything that the pages name exists: commands, endpoints, settings, tasks, log lines, files, links, states."""

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from itertools import pairwise
from urllib.parse import urlsplit

import pytest

from orchestrator.sandbox.world.config import Switches
from orchestrator.settings import Settings
from schemas import states
from schemas.events import EventType, MeetingEvent, ProblemKind
from schemas.tasks import Queue, Task
from tests.api.described import operations
from tests.docs import names
from tests.docs.pages import FIRST, INDEX, WAYS, Block, Page, page, pages, table
from tests.support import compose
from tests.support.processes import ROOT

LANGUAGES = {
    *(f"sh {way}".strip() for way in WAYS),
    "python",
    "python receiver",
    "js",
    "js receiver",
    "html",
    "text",
    "mermaid",
    "nginx",
    "yaml",
}
VARIABLE = re.compile(r"\b[A-Z][A-Z0-9]*_[A-Z0-9_]+\b")
FLOWERS_OWN = {"FLOWER_TASKS_COLUMNS"}
CALL = re.compile(r"\b(GET|POST|PUT|PATCH|DELETE) (/[\w/{}.-]*)")
TABLE_CALL = re.compile(r"`(GET|POST|PUT|PATCH|DELETE) (/[\w/{}.-]*)`")
OUTSIDE = ("/healthz", "/readyz", "/metrics")
DEFAULT = re.compile(r"`([A-Z][A-Z0-9_]+)` \(`?([\w.]+)`?\)")
PATH = re.compile(
    r"^(?:orchestrator|schemas|workers|tests|docs)/[\w./]*$|^[\w.]+\.(?:yaml|toml|lock|md)$|^\.env\.example$"
)
TASK_OR_EVENT = re.compile(r"^(?:breakout|room|participant|recording|webhook|meeting|upkeep)\.[a-z]+$")
QUEUES = re.compile(r"--queues ([\w,]+)")
PHRASE = re.compile(r"^[a-z]+(?: [\w']+)+$")
PROGRAMS = ("breakouts ", "make ", "docker ", "celery ", "npm ")
SAID_BY_OTHERS = {"database or disk is full", "appendonly yes"}
"""SQLite's words, and a setting of Redis."""
SWITCH = re.compile(r"^\| [^|]+ \| `(\w+)` \| ")
LINK = re.compile(r"\]\(([^)\s]+)\)")
ARROW = re.compile(r"^\s*(\w+) --> (\w+)", re.MULTILINE)
PARTS = ["Context", "Decision", "Consequences", "Alternatives"]
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
    """Yield the command lines of a program, as words, without what follows in a pipe or a comment."""
    for line in text.replace("\\\n", " ").splitlines():
        if found := re.search(rf"(?:^|[(\s]|bin/){program} ([^|;#)`]*)", line):
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
    known |= names.make_variables()
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


def test_the_table_of_calls_is_complete() -> None:
    told = " ".join(cells[0] for cells in table("docs/http-api.md", "At a glance"))
    assert {(method, _full(path)) for method, path in TABLE_CALL.findall(told)} == _served()


@pytest.mark.parametrize("page", pages(), ids=each)
def test_tasks_and_events_exist(page: Page) -> None:
    named = {name for name in page.code if TASK_OR_EVENT.match(name)}
    assert named <= {*Task, *EventType, *MeetingEvent}


def test_every_task_and_every_event_is_told_of() -> None:
    assert set(Task) <= set(page("docs/architecture.md").code) | set(page("docs/how-it-works.md").code)
    assert {*EventType, *MeetingEvent} <= set(page("docs/http-api.md").code)


@pytest.mark.parametrize("page", pages(), ids=each)
def test_queues_exist(page: Page) -> None:
    named = {queue for served in QUEUES.findall(page.text) for queue in served.split(",")}
    assert named <= set(Queue)


def test_log_lines_and_problems_are_the_codes() -> None:
    code = names.sources()
    phrases = {name for it in pages() for name in it.code if PHRASE.match(name) and not name.startswith(PROGRAMS)}
    assert {phrase for phrase in phrases - SAID_BY_OTHERS if phrase not in code} == set()


@pytest.mark.parametrize("page", pages(), ids=each)
def test_files_exist(page: Page) -> None:
    assert [name for name in page.code if PATH.match(name) and not (ROOT / name).exists()] == []


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


def _linked(page: Page) -> set[str]:
    """Return the names of the pages that a page links to."""
    paths = [urlsplit(link).path for link in LINK.findall(page.prose) if not urlsplit(link).scheme]
    targets = [(page.path.parent / path).resolve() for path in paths if path]
    return {path.relative_to(ROOT).as_posix() for path in targets if path.is_relative_to(ROOT)}


def test_every_page_is_linked_from_the_first_or_from_the_index() -> None:
    named = {it.name for it in pages()}
    assert {name for name in named if "/" not in name} | {INDEX} <= _linked(page(FIRST)) | {FIRST}
    assert {name for name in named if name.startswith("docs/")} <= _linked(page(INDEX)) | {INDEX}


def test_the_first_page_is_short() -> None:
    assert len(page(FIRST).text.splitlines()) <= 120


@pytest.mark.parametrize("page", pages(), ids=each)
def test_lines_are_as_wide_as_those_of_the_code(page: Page) -> None:
    """A row of a table can't be wrapped."""
    assert [line for line in page.text.splitlines() if len(line) > 120 and not line.startswith("|")] == []


@pytest.mark.parametrize("page", [it for it in pages() if it.name.startswith("docs/decisions/")], ids=each)
def test_a_decision_has_its_four_parts(page: Page) -> None:
    assert re.findall(r"^## (.+)$", page.text, re.MULTILINE) == PARTS


@pytest.mark.parametrize("name", MACHINES)
def test_pictures_of_states_show_the_legal_moves(name: str) -> None:
    drawn = [it.text for it in page("docs/how-it-works.md").blocks if f"%% {name}\n" in it.text]
    assert len(drawn) == 1
    arrows = {(start, end) for start, end in ARROW.findall(drawn[0]) if start != "[*]"}
    legal = {(start.value, end.value) for start in MACHINES[name] for end in states.moves_from(start)}
    assert arrows == legal


def test_each_switch_of_the_sandbox_is_explained_once() -> None:
    told = [name for it in page("docs/realtimekit-beliefs.md").text.splitlines() for name in SWITCH.findall(it)]
    assert sorted(told) == sorted(Switches.model_fields)


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
@pytest.mark.parametrize(
    "block", [it for page in pages() for it in page.blocks if it.language == "js"], ids=lambda it: it.where
)
def test_scripts_for_browsers_can_be_parsed(block: Block) -> None:
    node = subprocess.run(
        ["node", "--input-type=module", "--check"], input=block.text, capture_output=True, text=True, check=False
    )
    assert node.returncode == 0, node.stderr


def test_every_problem_is_in_the_list_of_problems() -> None:
    (page,) = (page for page in pages() if page.path.name == "http-api.md")
    listed = page.text.partition("\n## Problems\n")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `([^`]+)` \| ", listed, re.MULTILINE) == ["what", *sorted(ProblemKind, key=str.lower)]
