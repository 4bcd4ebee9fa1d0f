"""The rules of a plan: who must be together, who must be apart, and which of that does not hold any more."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain

from sqlalchemy import select
from sqlmodel import col

from orchestrator.domain.rules import Rules, broken
from orchestrator.domain.wording import listed
from orchestrator.services.breakout.aggregate import LockedBreakout
from schemas.events import ProblemKind
from schemas.states import AssignmentMode, PlanState
from schemas.tables import Breakout, Seat


def has_rules(row: Breakout) -> bool:
    """Return whether groups have to be found that keep rules."""
    return bool(row.together or row.apart or row.balance_by)


def is_solved(row: Breakout) -> bool:
    """Return whether the solver's task deals the groups. The rounds of a series keep their rules without a solver."""
    return row.series_id is None and has_rules(row) and row.mode is AssignmentMode.EVEN


def rules(b: LockedBreakout) -> Rules:
    """Return who must be together and who must be apart, by the callers' own ids."""
    names = b.names(person for group in b.row.together + b.row.apart for person in group)
    together, apart = (tuple(map(tuple, named(groups, names))) for groups in (b.row.together, b.row.apart))
    return Rules(together, apart)


def named(groups: Sequence[Sequence[str]], names: Mapping[str, str]) -> list[list[str]]:
    """Return groups of people by the callers' own ids. Who is gone is left out."""
    return [[names[person] for person in group if person in names] for group in groups]


def look_at_rules(b: LockedBreakout) -> None:
    """After people were seated, report each rule that is broken by now, once in the life of the breakout.

    Groups that the solver has not made are not known to be the best.
    """
    if b.row.plan_state is PlanState.SOLVING:
        return
    if not b.is_dealt_by_solver:
        b.row.plan_optimal = None
    if not b.row.together and not b.row.apart:
        return
    found = list(_in_words(broken(rules(b), named_in_rooms(b).values())))
    if found:
        known = {data["detail"] for data in b.reported(ProblemKind.RULE_BROKEN)}
        for words in found:
            if words not in known:
                b.report(ProblemKind.RULE_BROKEN, words)


def _in_words(not_kept: Rules) -> Iterator[str]:
    for names in not_kept.together:
        yield f"{listed(names)} are not together"
    for names in not_kept.apart:
        yield f"{listed(names)} are not apart"


def named_in_rooms(b: LockedBreakout) -> Mapping[str, list[str]]:
    """Return the people of each room who are named in rules, by the callers' own ids."""
    people = set(chain(*b.row.together, *b.row.apart))
    statement = select(col(Seat.room_id), col(Seat.participant_id))
    mine = col(Seat.breakout_id) == b.row.id, col(Seat.wanted), col(Seat.participant_id).in_(people)
    names = b.names(people)
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for room_id, participant_id in b.tx.session.execute(statement.where(*mine)):
        groups[room_id].append(names[participant_id])
    return groups
