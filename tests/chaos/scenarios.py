"""All troubles of our own parts, by name."""

from collections.abc import Mapping
from typing import ClassVar

from tests.chaos.clock import AHEAD
from tests.chaos.troubles import (
    DEFAULTS,
    BrokerEmptied,
    BrokerFrozen,
    BrokerReplaced,
    BrokerReplacedLate,
    ConnectionsCut,
    DatabaseCrashed,
    DatabaseRestarted,
    EachMessageLate,
    EachMessageTwice,
    Frozen,
    Restarting,
    Struck,
    Trouble,
)
from tests.support.invariants import Bounds

CLOCK_SECONDS = 90


def _clocks(**ahead: int) -> type[Restarting]:
    class WrongClock(Restarting):
        environments: ClassVar[Mapping[str, Mapping[str, str]]] = {
            name.replace("_", "-"): {AHEAD: str(seconds)} for name, seconds in ahead.items()
        }

    return WrongClock


def _struck(
    base: type[Struck], *, who: str = "worker", defaults: bool = False, may: Bounds | None = None, **points: str
) -> type[Struck]:
    class At(base):  # type: ignore[misc, valid-type]
        phases: ClassVar[tuple[str, ...]] = tuple(points)
        name, bounds = who, may or Bounds()
        environment: ClassVar[Mapping[str, str]] = DEFAULTS if defaults else {}

    At.points = points
    return At


ADD = "call:add_participant@admission._admit:after#2"
STOP = "call:stop_recording@closing._stop:after#1"
CREATE = "call:create_meeting:after#1"
RETIRE = "call:retire_meeting@closing._attempt:after#1"

SCENARIOS: dict[str, type[Trouble]] = {
    "broker: emptied": BrokerEmptied,
    "broker: killed, replaced by an empty one": BrokerReplaced,
    "broker: killed, an empty one 8 s later": BrokerReplacedLate,
    "broker: frozen for 20 s": BrokerFrozen,
    "database: restarted": DatabaseRestarted,
    "database: crashed, back 8 s later": DatabaseCrashed,
    "database: all connections cut": ConnectionsCut,
    "message: each twice": EachMessageTwice,
    "message: each once more, late": EachMessageLate,
    "worker: killed": _struck(Struck, opening=ADD, closing=STOP),
    "worker: killed, its create in doubt": _struck(Struck, opening=CREATE),
    "worker: killed, default settings": _struck(Struck, defaults=True, opening=ADD, closing=STOP),
    "worker: killed, its create in doubt, default settings": _struck(Struck, defaults=True, opening=CREATE),
    "worker: frozen with an answer": _struck(Frozen, opening=ADD, closing=STOP),
    "worker: frozen before a call": _struck(
        Frozen, opening=CREATE.replace("after", "before"), closing=RETIRE.replace("after", "before")
    ),
    "worker: frozen before an add": _struck(
        Frozen, opening=ADD.replace("after", "before"), may=Bounds(second_records=1)
    ),
    "worker: frozen in a transaction": _struck(
        Frozen,
        opening="commit:@leased._start_all[room]:before#1",
        closing="commit:@leased._start_all[room]:before#1",
    ),
    "timekeeper: frozen in a transaction": _struck(
        Frozen,
        who="timekeeper",
        closing="commit:@timekeeper._send_batch[breakout]:before#1",
    ),
    "timekeeper: frozen with a message": _struck(Frozen, who="timekeeper", closing="send:breakout.close:before#1"),
    "clock: worker ahead, beside a right one": _clocks(worker_2=CLOCK_SECONDS),
    "clock: worker behind, beside a right one": _clocks(worker_2=-CLOCK_SECONDS),
    "clock: timekeeper ahead": _clocks(timekeeper=CLOCK_SECONDS),
    "clock: timekeeper behind": _clocks(timekeeper=-CLOCK_SECONDS),
    "clock: API ahead, worker behind": _clocks(api=CLOCK_SECONDS, worker=-CLOCK_SECONDS),
    "clock: API behind, worker ahead": _clocks(api=-CLOCK_SECONDS, worker=CLOCK_SECONDS),
}
