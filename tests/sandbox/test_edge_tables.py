"""Our tables of the client's messages say what the installed client says; another version of it shows here first."""

import re
from itertools import chain
from pathlib import Path

import pytest

from orchestrator.sandbox.edge import breakout_messages, events, media_messages, messages
from orchestrator.sandbox.edge.protobuf import BOOL, BYTES, INT, STRING, Field, Message
from tests.support.processes import ROOT

CLIENT = ROOT / "web/node_modules/@cloudflare/realtimekit/dist/index.es.js"
pytestmark = pytest.mark.skipif(not CLIENT.exists(), reason="needs `npm ci` in web/")

CLASS = re.compile(
    r'class ([\w$]+) extends \w+ \{\s*constructor\(\) \{\s*super\("([\w.]+)", \[(.*?)\]\);\s*\}', re.DOTALL
)
FIELD = re.compile(r'\{\s*no: (\d+),\s*name: "(\w+)",(.*?)\}(?=,\s*\{\s*no|\s*$)', re.DOTALL)
EVENT = re.compile(r"^  (\w+): (\d+),?$", re.MULTILINE)
KINDS = {"9": STRING, "12": BYTES, "8": BOOL, "5": INT, "13": INT, "4": INT}
SERVICES = {events.Room: ("getPeerInfo", 0), events.Chat: ("getMessages", 1), events.Plugin: ("getPlugins", 2)}
SERVICES |= {events.Polls: ("createPoll", 3), events.Media: ("unknown", 0x300)}


def tables() -> list[Message]:
    everything = chain.from_iterable(vars(module).values() for module in (messages, media_messages, breakout_messages))
    return [it for it in everything if isinstance(it, Message)]


@pytest.fixture(scope="module")
def client() -> str:
    """Read the installed client."""
    return Path(CLIENT).read_text()


def theirs(client: str) -> dict[str, dict[str, tuple[int, str]]]:
    """Return the number and the words of each field of each of their messages."""
    without_comments = re.sub(r"/\*.*?\*/", "", client, flags=re.DOTALL)
    return {
        name: {field: (int(number), " ".join(words.split())) for number, field, words in FIELD.findall(body)}
        for _, name, body in CLASS.findall(without_comments)
    }


def fits(field: Field, number: int, words: str) -> bool:
    kind = re.search(r"\bT: (\d+)", words)
    is_message = 'kind: "message"' in words or 'kind: "map"' in words
    if isinstance(field.kind, Message) is not is_message or ("repeat:" in words) is not field.many:
        return False
    expected = INT if 'kind: "enum"' in words else KINDS.get(kind[1]) if kind else None
    return field.number == number and (is_message or field.kind is expected)


def test_every_field_has_the_clients_number_and_kind(client: str) -> None:
    known = theirs(client)
    wrong = [
        f"{message.full_name}.{name}: {known.get(message.full_name, {}).get(name)}"
        for message in tables()
        for name, field in message.fields.items()
        if name not in known.get(message.full_name, {}) or not fits(field, *known[message.full_name][name])
    ]
    assert not wrong


@pytest.mark.parametrize("service", SERVICES)
def test_every_event_has_a_number_of_the_client(client: str, service: type[events.Room]) -> None:
    first, number = SERVICES[service]
    start = client.index(f"{{\n  {first}: 0,\n")
    known = {int(value) for _, value in EVENT.findall(client[start : client.index("\n}", start)])}
    assert {int(event) - (number << 16) for event in service} <= known
