"""The settings of a plan: from a request to the columns of its row."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

from orchestrator.errors import Malformed
from orchestrator.solver import extra
from orchestrator.store.database import Transaction
from orchestrator.store.queries import participant_ids
from schemas.problems import ProblemCode
from schemas.requests import AssignmentRequest, PlanSettings, RoundsRequest
from schemas.states import Deal, Who
from schemas.tables import SAME_NAMES

RULES = ("together", "apart", "balance_by")


def columns(tx: Transaction, meeting_id: str, body: PlanSettings) -> dict[str, Any]:
    """Return the columns that hold these settings, but for name, seed and deal. Raises Malformed."""
    asked = body.assignment
    if not isinstance(body, RoundsRequest):
        _require_solver(asked)
    return {
        "mode": asked.mode,
        "who": asked.who,
        "include_hosts": asked.include_hosts,
        "together": _by_our_ids(tx, meeting_id, asked.together, "together"),
        "apart": _by_our_ids(tx, meeting_id, asked.apart, "apart"),
        "balance_by": asked.balance_by,
        "recording_max_seconds": body.recording.max_seconds,
        "recording_file_name_prefix": body.recording.file_name_prefix,
        "room_host_preset": body.room_presets.host,
        "room_participant_preset": body.room_presets.participant,
        **body.model_dump(include=set(SAME_NAMES)),
    }


def when_dealt(body: PlanSettings, *, anybody: bool) -> Deal:
    """Return what the request says, or else when such a plan is dealt for good."""
    asked = body.assignment
    if isinstance(body, RoundsRequest):
        return asked.deal or Deal.AT_START
    if asked.deal is not None:
        return asked.deal
    at_start = body.room_size is not None or asked.who is Who.PRESENT or not anybody
    return Deal.AT_START if at_start else Deal.NOW


def require_known(known: Mapping[str, str], names: Iterable[str], where: tuple[str | int, ...]) -> None:
    """Raise Malformed, at `where`, when some of these people are unknown."""
    if unknown := sorted(set(names) - known.keys()):
        raise Malformed(
            f"no such participants in this meeting: {', '.join(unknown[:5])}", where, ProblemCode.UNKNOWN_PARTICIPANT
        )


def _by_our_ids(tx: Transaction, meeting_id: str, groups: Sequence[Sequence[str]], rule: str) -> list[list[str]]:
    names = list(chain(*groups))
    known = participant_ids(tx.session, meeting_id, names) if names else {}
    require_known(known, names, ("body", "assignment", rule))
    return [[known[name] for name in group] for group in groups]


def _require_solver(asked: AssignmentRequest) -> None:
    for rule in RULES:
        if getattr(asked, rule):
            try:
                extra.require()
            except extra.MissingExtra as error:
                raise Malformed(str(error), ("body", "assignment", rule), ProblemCode.NEEDS_CONSTRAINTS) from error
