"""With `"preset"`, people may go where their preset at RealtimeKit says; what is not known counts as no."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, update

from orchestrator.realtimekit.presets import preset_content
from orchestrator.services.deps import Deps
from orchestrator.services.meetings import changing, preset_rights, registering
from schemas.requests import MeetingChange, PersonRequest
from schemas.states import Role
from schemas.tables import Meeting, PresetRights
from tests.services.hand import Hand
from tests.services.test_choices import ANA_FIRST, FIRST, MAIN, NOT_ALLOWED, SECOND, choose
from tests.support.sandbox_server import SandboxServer

PRESET = {"allow_switch": "preset", "allow_return": "preset"}
ROVER, HOMEBODY, PRISONER = "rover", "homebody", "prisoner"
RIGHTS = {ROVER: (True, False), HOMEBODY: (False, True), PRISONER: (False, False)}


@pytest.fixture
def presets(fresh: tuple[Deps, SandboxServer]) -> tuple[Deps, SandboxServer]:
    """Make presets with these rights, about which nothing is stored."""
    deps, _ = fresh
    for name, (may_switch, may_return) in RIGHTS.items():
        content = preset_content(is_host=False)
        content["permissions"]["connected_meetings"] |= {
            "can_switch_connected_meetings": may_switch,
            "can_switch_to_parent_meeting": may_return,
        }
        deps.realtimekit.run(deps.realtimekit.create_preset(name, content))
    with deps.database.transaction() as tx:
        tx.session.execute(delete(PresetRights))
    return fresh


def _hand(parts: tuple[Deps, SandboxServer], preset: str, **body: Any) -> Hand:
    settings: dict[str, Any] = {"rooms": ANA_FIRST, "assignment": {"mode": "manual"}, **PRESET, **body}
    return Hand(*parts, ["ana"], {"room_presets": {"participant": preset}}, **settings)


@pytest.mark.parametrize(
    ("preset", "answers"),
    [
        (ROVER, [None, None, None]),
        (HOMEBODY, [NOT_ALLOWED, None, None]),
        (PRISONER, [NOT_ALLOWED, NOT_ALLOWED, None]),
    ],
)
def test_a_preset_says_where_its_people_may_go(
    presets: tuple[Deps, SandboxServer], preset: str, answers: list[str | None]
) -> None:
    hand = _hand(presets, preset)
    assert [choose(hand, "ana", room) for room in (SECOND, MAIN, FIRST)] == answers
    breakout = hand.look("ana").breakout
    assert breakout is not None
    assert (breakout.rooms is not None) == (preset == ROVER)


def test_a_breakouts_own_word_narrows_what_a_preset_says(presets: tuple[Deps, SandboxServer]) -> None:
    hand = _hand(presets, ROVER, allow_switch=False)
    assert [choose(hand, "ana", room) for room in (SECOND, MAIN)] == [NOT_ALLOWED, NOT_ALLOWED]


def test_what_is_not_known_counts_as_no_and_is_read_before_the_start(presets: tuple[Deps, SandboxServer]) -> None:
    hand = _hand(presets, ROVER, start="manual")
    with hand.deps.database.reading() as session:
        said = session.get_one(PresetRights, ROVER)
        assert (said.may_switch, said.may_return) == RIGHTS[ROVER]
        assert session.get(PresetRights, HOMEBODY) is None, "nobody here has it"
    running = _hand(presets, ROVER)
    with hand.deps.database.transaction() as tx:
        tx.session.execute(delete(PresetRights))
    assert choose(running, "ana", SECOND) == NOT_ALLOWED


ONE_STEP: list[Callable[[Hand], object]] = [
    lambda hand: _register(hand, role=Role.HOST),
    lambda hand: _register(hand, preset_name=ROVER),
    lambda hand: changing.change(
        hand.deps, hand.meeting_id, MeetingChange.model_validate({"room_presets": {"participant": ROVER}})
    ),
]


@pytest.mark.parametrize("step", ONE_STEP)
def test_a_seat_that_lists_rooms_because_somebody_may_choose_now_has_a_new_version(
    presets: tuple[Deps, SandboxServer], step: Callable[[Hand], object]
) -> None:
    _hand(presets, ROVER)  # so that it is known what this preset says
    hand = _hand(presets, PRISONER)
    before = hand.look("ana")
    step(hand)
    after = hand.look("ana")
    assert before.breakout is not None
    assert after.breakout is not None
    assert (before.breakout.rooms is None, after.breakout.rooms is None) == (True, False)
    assert after.version > before.version
    step(hand)
    assert hand.look("ana").version == after.version, "nothing has changed"


def _register(hand: Hand, **changes: Any) -> None:
    person = PersonRequest(custom_participant_id="ana", name="ana", **changes)
    registering.register(hand.deps, hand.meeting_id, [person])


def test_it_is_read_again_after_ten_minutes(presets: tuple[Deps, SandboxServer]) -> None:
    hand = _hand(presets, ROVER)
    with hand.deps.database.transaction() as tx:
        due_at = tx.session.get_one(Meeting, hand.meeting_id).due_at
        assert due_at is not None
        assert due_at <= tx.now() + preset_rights.KEPT
        ago = tx.now() - preset_rights.KEPT - timedelta(seconds=1)
        tx.session.execute(update(PresetRights).values(may_switch=False, read_at=ago))
        version = tx.session.get_one(Meeting, hand.meeting_id).version
    before = hand.look("ana")
    hand.work(Meeting)
    after = hand.look("ana")
    assert after.version > before.version, "the seat lists rooms now"
    assert choose(hand, "ana", SECOND) is None
    with hand.deps.database.reading() as session:
        assert session.get_one(Meeting, hand.meeting_id).version == version
