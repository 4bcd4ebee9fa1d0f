"""When a breakout must be looked at next: every state, and every fact that decides.

The times are in seconds from now: 0 is now, -60 a minute ago. An opening or closing is looked at again after 10 seconds
in any case, and people have 120 seconds of grace.
"""

from datetime import timedelta

import pytest

from orchestrator.domain.lifecycle import breakout_due
from schemas.states import BreakoutState
from tests.domain.facts import NOW, Facts, facts

S = BreakoutState
LOOK_AGAIN, SELDOM, GRACE = 10, 60, 120
FAR, NEAR, DAY = 600, 5, 86_400

RULES: dict[str, tuple[Facts, float | None]] = {
    "a draft without times is never due": (facts(S.DRAFT), None),
    "a draft is due when its preparation begins": (facts(S.DRAFT, prepare_from=60), 60),
    "a draft's start is not due, because nobody has scheduled it": (facts(S.DRAFT, starts_at=60), None),
    "a draft's start that has passed is not due": (facts(S.DRAFT, starts_at=-60), None),
    "a draft's preparation is due once": (facts(S.DRAFT, prepare_from=0), None),
    "a draft's preparation that has passed is not due": (facts(S.DRAFT, prepare_from=-1), None),
    "a scheduled breakout is due when its preparation begins": (facts(S.SCHEDULED, prepare_from=60, starts_at=FAR), 60),
    "a scheduled breakout is due at its start": (facts(S.SCHEDULED, starts_at=FAR), FAR),
    "a prepared breakout is due at its start": (facts(S.SCHEDULED, prepare_from=-60, starts_at=FAR), FAR),
    "a scheduled breakout whose people are not dealt is counted again": (
        facts(S.SCHEDULED, prepare_from=FAR, starts_at=FAR, dealt_at=None),
        60,
    ),
    "people are not counted long before the start": (
        facts(S.SCHEDULED, prepare_from=3 * DAY, starts_at=3 * DAY, dealt_at=None),
        2 * DAY,
    ),
    "a draft whose people are not dealt is never due": (facts(S.DRAFT, dealt_at=None), None),
    "a start before the preparation comes first": (facts(S.SCHEDULED, prepare_from=60, starts_at=NEAR), NEAR),
    "a start that is held up is looked at again": (facts(S.SCHEDULED, starts_at=0), LOOK_AGAIN),
    "a start that was held up for long is looked at again": (facts(S.SCHEDULED, starts_at=-600), LOOK_AGAIN),
    "a held up start does not wait for a preparation": (
        facts(S.SCHEDULED, prepare_from=60, starts_at=-1),
        LOOK_AGAIN,
    ),
    "a scheduled breakout without a start is looked at again": (facts(S.SCHEDULED, prepare_from=60), LOOK_AGAIN),
    "an opening is looked at again": (facts(S.OPENING), LOOK_AGAIN),
    "an opening that takes long is looked at less often": (facts(S.OPENING, starts_at=-50), 50 / 2),
    "an opening that takes very long is looked at now and then": (facts(S.OPENING, starts_at=-FAR), SELDOM),
    "an opening is due at its deadline": (facts(S.OPENING, opening_until=NEAR), NEAR),
    "an opening is looked at before a far deadline": (facts(S.OPENING, opening_until=FAR), LOOK_AGAIN),
    "an opening's passed deadline does not make it due at once": (facts(S.OPENING, opening_until=-1), LOOK_AGAIN),
    "an opening's deadline that is now has been seen": (facts(S.OPENING, opening_until=0), LOOK_AGAIN),
    "an opening does not look at its end": (facts(S.OPENING, closes_at=NEAR, warned_until=0), LOOK_AGAIN),
    "an open breakout without an end is never due": (facts(S.OPEN), None),
    "an open breakout without an end warns of nothing": (
        facts(S.OPEN, warn_before_seconds=[60], warned_until=0),
        None,
    ),
    "an open breakout is due at its end": (facts(S.OPEN, closes_at=FAR), FAR),
    "an opening is due in time for the parent's end": (
        facts(S.OPENING, parent_ends_at=NEAR + 3, countdown_seconds=3),
        NEAR,
    ),
    "an open breakout is due in time for the parent's end, paused or not": (
        facts(S.OPEN, parent_ends_at=FAR, countdown_seconds=60),
        FAR - 60,
    ),
    "an end that has passed is due": (facts(S.OPEN, closes_at=-60), -60),
    "an end that is now is due": (facts(S.OPEN, closes_at=0), 0),
    "a warning comes before the end": (
        facts(S.OPEN, closes_at=FAR, warn_before_seconds=[60], warned_until=0),
        FAR - 60,
    ),
    "the first of two warnings comes first": (
        facts(S.OPEN, closes_at=FAR, warn_before_seconds=[60, 300], warned_until=0),
        FAR - 300,
    ),
    "a warning that was given is not due again": (
        facts(S.OPEN, closes_at=FAR, warn_before_seconds=[60, 300], warned_until=FAR - 300),
        FAR - 60,
    ),
    "a warning that is late is due": (
        facts(S.OPEN, closes_at=30, warn_before_seconds=[60], warned_until=-60),
        -30,
    ),
    "after the last warning only the end is due": (
        facts(S.OPEN, closes_at=FAR, warn_before_seconds=[60], warned_until=FAR - 60),
        FAR,
    ),
    "nothing is warned of before the breakout knows what was": (
        facts(S.OPEN, closes_at=FAR, warn_before_seconds=[60]),
        FAR,
    ),
    "a room's own clock comes before the breakout's": (facts(S.OPEN, closes_at=FAR, rooms_look_at=NEAR), NEAR),
    "a room's own clock is due without a timer": (facts(S.OPEN, rooms_look_at=FAR), FAR),
    "a room that is deleted while it opens is due": (facts(S.OPENING, rooms_look_at=NEAR), NEAR),
    "a room that closes by itself is due before all rooms empty": (
        facts(S.CLOSING, empties_at=60, rooms_look_at=NEAR),
        NEAR,
    ),
    "a room that closes by itself is due after all were sent home": (
        facts(S.CLOSING, empties_at=0, sent_home_at=0, rooms_look_at=NEAR),
        NEAR,
    ),
    "a closing that waits for nothing is never due": (facts(S.CLOSING), None),
    "a closing is due when its rooms empty": (facts(S.CLOSING, empties_at=60), 60),
    "rooms that should be empty by now are due": (facts(S.CLOSING, empties_at=-60), -60),
    "who was sent home is looked at again": (
        facts(S.CLOSING, empties_at=0, sent_home_at=0),
        LOOK_AGAIN,
    ),
    "the end of the first grace is due": (
        facts(S.CLOSING, empties_at=-FAR, sent_home_at=NEAR - GRACE),
        NEAR,
    ),
    "a first grace that is over now has been seen": (
        facts(S.CLOSING, empties_at=-FAR, sent_home_at=-GRACE),
        SELDOM,
    ),
    "a closing that takes longer is looked at less often": (
        facts(S.CLOSING, empties_at=-50, sent_home_at=-50),
        50 / 2,
    ),
    "the time to give up the missing is due": (
        facts(S.CLOSING, empties_at=-FAR, sent_home_at=-FAR, gives_up_at=NEAR),
        NEAR,
    ),
    "a closing that goes on after that time is looked at again": (
        facts(S.CLOSING, empties_at=-FAR, sent_home_at=-FAR, gives_up_at=-1),
        SELDOM,
    ),
    "nobody is given up before seats point to main": (facts(S.CLOSING, empties_at=FAR, gives_up_at=NEAR), FAR),
    **{
        f"a breakout that is {state} is never due": (
            facts(state, prepare_from=60, starts_at=60, opening_until=60, closes_at=60, empties_at=60),
            None,
        )
        for state in (S.CLOSED, S.CANCELLED, S.FAILED)
    },
}


@pytest.mark.parametrize(("row", "due"), RULES.values(), ids=RULES)
def test_due(row: Facts, due: float | None) -> None:
    at = breakout_due(row, NOW, timedelta(seconds=GRACE), timedelta(seconds=LOOK_AGAIN))
    assert (at and (at - NOW).total_seconds()) == due


def test_every_state_has_a_rule() -> None:
    assert {row.state for row, _ in RULES.values()} == set(S)
