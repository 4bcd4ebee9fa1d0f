"""What is left of a run, as the shared rules want to see it (tests/support/invariants.py)."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from sqlalchemy import select
from sqlmodel import col

from orchestrator.domain.delivering import has_heard
from orchestrator.domain.erasing import stand_in
from orchestrator.sandbox.control import state_of
from orchestrator.services.people import seats
from orchestrator.services.views import breakouts, event_log
from orchestrator.services.views.pages import Asked
from orchestrator.store.queries import hash_key
from schemas.tables import Delivery, Endpoint, Room
from tests.chaos.switches import MANY
from tests.simulation import endpoints, leaving
from tests.simulation.endpoints import Caller
from tests.simulation.simulation import Simulation
from tests.simulation.weather import Weather
from tests.support import series
from tests.support.invariants import REFUSALS, Bounds, Facts, Rule, moment_of, violations
from tests.support.stack import JSON

ALWAYS = frozenset({"no place", "people seen late"})
"""Problems that may be reported whatever happens: they are true, and nobody's fault."""
OF_PLANS = frozenset({"rule broken", "impossible plan", "start missed", "series stopped"})
"""Problems of what operators plan; whether they are true is another rule's to say."""
OF_HOSTS = frozenset({"room mended", "parent inactive", "recording interrupted", "recording failed"})
"""Problems that a host, or RealtimeKit's recorder, may have caused."""
OF_LATE_NEWS = frozenset({"recording refused", "recording interrupted"})
"""Problems that are reported when a room has emptied and that is learnt late: RealtimeKit records nobody."""
OF_GIVING_UP = frozenset({"room failed", "participant refused", "room given up", "room not prepared"})
"""Problems of a room whose passes have failed as often as it is tried, although others got on."""
MOST_EVENTS, MOST_ITEMS = 100_000, 200


def facts(run: Simulation) -> list[Facts]:
    """Gather what can be seen of each breakout of a run after its end."""
    with run.eyes.database.reading() as session:
        of_meeting = breakouts.breakouts(session, Asked(MOST_ITEMS), meeting_id=run.meeting_id).model_dump(mode="json")
        without = select(col(Room.realtimekit_meeting_id), col(Room.id)).where(col(Room.dropped))
        key = hash_key(session)
        dropped = {meeting_id: room_id for meeting_id, room_id in session.execute(without) if meeting_id}
    read = seats.read(run.eyes, [person.row_id for person in run.members])
    erased = {it.name: stand_in(key, run.meeting_id, it.name) for it in run.people if it.is_erased}
    shared = Facts(
        run="run",
        people=[person.name for person in run.people],
        meeting={"realtimekit_meeting_id": run.parent},
        opened={},
        closed={},
        closes_at="",
        log=[],
        recordings=[],
        breakouts=of_meeting["items"],
        seats={person.name: _json(read.found[person.row_id]) for person in run.members if person.row_id},
        sandbox=_renamed(state_of(run.world), erased),
        kicks=run.kicks,
        bounds=_bounds(run),
        made=run.made,
        dropped=dropped,
    )
    each = [_of_breakout(run, shared, item["id"]) for item in of_meeting["items"]]
    return [replace(one, siblings=[other for other in each if other is not one]) for one in each]


def _of_breakout(run: Simulation, shared: Facts, breakout_id: str) -> Facts:
    with run.eyes.database.reading() as session:
        closed = breakouts.breakout(session, breakout_id).model_dump(mode="json")
        log = [event.model_dump(mode="json") for event in event_log.after(session, breakout_id, 0, MOST_EVENTS)]
        recordings = breakouts.recordings(session, breakout_id, Asked(MOST_ITEMS)).model_dump(mode="json")["items"]
    tries = max((run.failed_passes[room["id"]] for room in closed["rooms"]), default=0)
    given_up = OF_GIVING_UP if tries >= run.settings.room_tries else frozenset()
    bounds = replace(shared.bounds, problems=shared.bounds.problems | given_up)
    seen = {"closed": closed, "closes_at": closed["closes_at"], "log": log, "recordings": recordings}
    return replace(shared, **seen, bounds=bounds)


def _renamed(state: JSON, names: Mapping[str, str]) -> JSON:
    """Return what is at RealtimeKit with people named as they are here."""
    text = json.dumps(state)
    for name, stands_for in names.items():
        text = text.replace(json.dumps(name), json.dumps(stands_for))
    renamed: JSON = json.loads(text)
    return renamed


def _json(seat: object) -> JSON:
    shown: JSON = seat.model_dump(mode="json")  # type: ignore[attr-defined]
    return shown


def _bounds(run: Simulation) -> Bounds:
    """Return what may be otherwise, by what has happened outside."""
    weather = run.first_weather
    quiet = {person.name for person in run.people if _is_unseen(run, person.name)}
    lost = {"people lost"} if quiet or weather != Weather() else set()
    hosts = OF_HOSTS if run.hosts_acted else frozenset()
    lost |= {"poll uncertain"} if weather != Weather() else set()
    late = OF_LATE_NEWS if weather != Weather() else frozenset()
    refused = OF_GIVING_UP | REFUSALS if weather.refuses else frozenset()
    refused |= {"participant refused"} if _may_be_refused_anew(run) else set()
    return Bounds(
        refusals=weather.refuses > 0,
        problems=ALWAYS | OF_PLANS | late | hosts | lost | refused,
        losses=frozenset(quiet),
        ends_unseen=run.hosts_acted,
        let_in_again=frozenset(person.name for person in run.people if person.was_let_in_again),
        second_records=MANY if run.world.config.switches.participants_lag_seconds else 0,
    )


def _may_be_refused_anew(run: Simulation) -> bool:
    """Return whether a refusal may be for a record of somebody's earlier time, which is gone when we look for it.

    Nothing tells it from any other then, so it is reported, and they are tried again after a pause.
    """
    refusal = run.world.config.switches.duplicate_participant
    return refusal == "bad_request" and any(person.was_let_in_again for person in run.people)


def _is_unseen(run: Simulation, name: str) -> bool:
    """Return whether nothing may have told where a person is: they stay away, or their news was lost."""
    person = next(it for it in run.people if it.name == name)
    return person.has_left or person.where != run.parent or run.news_is_lost


def surplus(facts: Facts) -> Iterator[str]:
    """Check that no meeting was made twice where each doubt could be settled.

    One that was made once, and that no answer told of before its room was closed, is reported too and is none of these.
    """
    made = Counter(it["title"].rpartition("[")[2] for it in facts.sandbox["meetings"] if " · " in it["title"])
    if twice := sorted(mark for mark, times in made.items() if times > 1):
        yield f"made although it could be found: {twice}"


def polls(facts: Facts) -> Iterator[str]:
    """Check that nobody was asked anything twice, because RealtimeKit's polls can't be looked for."""
    for session in facts.sandbox["sessions"]:
        asked = Counter(poll["question"] for poll in session["polls"])
        if twice := [question for question, times in asked.items() if times > 1]:
            yield f"asked twice: {twice}"


def faults(run: Simulation, every: Sequence[Facts]) -> list[str]:
    """Return a sentence for each rule that was broken: those of each breakout, and those of all together."""
    more, once = _more_rules(run)
    found = [words for one in every for words in violations(one, *more)]
    found += [f"{rule.__name__}: {words}" for rule in once for words in rule(every[-1])]
    return found + list(leaving.left(run)) + list(deliveries(run, every))


def deliveries(run: Simulation, every: Sequence[Facts]) -> Iterator[str]:
    """Yield what callers' systems have heard wrongly: out of turn, twice, or not at all."""
    for caller in (_as_registered(run, it) for it in run.callers.all):
        yield from (f"deliveries: {words}" for words in endpoints.order(caller))
        with run.eyes.database.reading() as session:
            endpoint = session.get(Endpoint, caller.row_id)
        if endpoint is None:
            continue
        if endpoint.disabled != caller.is_disabled:
            yield f"deliveries: disabled is {endpoint.disabled}, and that it is to be so is {caller.is_disabled}"
        for one in every:
            yield from _heard(run, caller, one, endpoint)


def _as_registered(run: Simulation, caller: Caller) -> Caller:
    """Return a caller with what has come from the endpoint that it knows.

    Who repeats a registration without a key, because its answer was lost, is registered twice at the same URL.
    """
    of_others = select(col(Delivery.id)).where(col(Delivery.endpoint_id) != caller.row_id)
    with run.eyes.database.reading() as session:
        others = set(session.scalars(of_others))
    return replace(caller, receipts=[it for it in caller.receipts if it.delivery_id not in others])


def _heard(run: Simulation, caller: Caller, facts: Facts, endpoint: Endpoint) -> Iterator[str]:
    """Compare what was heard of a breakout with its log while the endpoint was enabled. Erased names differ."""
    expected = [
        {"type": it["type"], "at": it["at"], "data": it["data"]}
        for it in facts.log
        if (caller.types is None or it["type"] in caller.types)
        and has_heard(moment_of(it["at"]), endpoint.created_at, endpoint.deaf)
    ]
    heard = [it.said for it in endpoints.first_attempts(caller, facts.closed["id"])]
    if any(person.is_erased for person in run.people):
        expected, heard = ([it | {"data": None} for it in some] for some in (expected, heard))
    if caller.is_disabled:
        expected = expected[: len(heard)]
    if heard != expected:
        wrong = next((at for at, (one, other) in enumerate(zip(heard, expected, strict=False)) if one != other), -1)
        yield f"deliveries: heard {len(heard)} of {len(expected)}; the first that differs is {wrong}"


def _more_rules(run: Simulation) -> tuple[list[Rule], list[Rule]]:
    """Return the rules of each breakout of a run besides those of every lifecycle, and those of all together."""
    weather = run.first_weather
    is_late = weather.slow or weather.pauses or weather.freezes or weather.odd

    def in_turn(facts: Facts) -> Iterator[str]:
        return series.in_turn(facts, run.gap_seconds, run.by_hand)

    def shared(facts: Facts) -> Iterator[str]:
        return series.shared(facts, run.held_up)

    once: list[Rule] = [polls, series.one_at_a_time, in_turn]
    if not weather.refuses and not run.hosts_acted and not run.by_hand:
        once.append(shared)
    return [] if is_late else [surplus], once
