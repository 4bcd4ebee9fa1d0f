"""Presets at RealtimeKit: whether those that a request names exist, and making those that fit breakouts."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from orchestrator.errors import Conflict, Malformed
from orchestrator.realtimekit.presets import faults, preset_content
from orchestrator.realtimekit.quota.priority import Priority
from orchestrator.services.deps import Deps
from orchestrator.services.meetings.asking import in_our_words
from orchestrator.store import queries
from schemas.problems import ProblemCode
from schemas.requests import MeetingChange, MeetingRequest, PersonRequest, RoomPresetsRequest
from schemas.states import Role


@dataclass(frozen=True)
class Ensured:
    """A preset that is there now."""

    name: str
    role: Role
    made: bool
    """Whether this call made it."""
    faults: list[str]
    """What it lacks for its role, in sentences. A preset that was there before stays as it is."""


def of_meeting(body: MeetingRequest | MeetingChange) -> set[str]:
    """Return the presets that a body about a meeting names."""
    if isinstance(body, MeetingRequest):
        return {body.host_preset, body.participant_preset, *of_rooms(body.room_presets), *of_people(body.participants)}
    given = body.model_fields_set & {"host_preset", "participant_preset"}
    return {getattr(body, name) for name in given} | of_rooms(body.room_presets)


def of_rooms(body: RoomPresetsRequest) -> set[str]:
    """Return the presets for rooms that a body names."""
    return {name for name in (body.host, body.participant) if name is not None}


def of_people(people: Iterable[PersonRequest]) -> set[str]:
    """Return the presets that people have of their own."""
    return {person.preset_name for person in people if person.preset_name is not None}


def require(deps: Deps, names: set[str], before_call: Callable[[], None] | None = None) -> None:
    """Raise Malformed when RealtimeKit lacks one of these presets, NotNow when it can't be asked now.

    Names that this process has seen there are not asked for again.
    """
    kit = deps.realtimekit
    with in_our_words():
        missing = kit.run(kit.missing_presets(names, priority=Priority.OPENING), before_call)
    if missing:
        known = ", ".join(sorted(kit.seen_presets))
        words = f"RealtimeKit has no preset {', '.join(sorted(missing))}; it has {known}"
        raise Malformed(words, ("body",), ProblemCode.UNKNOWN_PRESET)


def require_for(deps: Deps, meeting_id: str, names: set[str]) -> None:
    """Raise as `require` does, and before that Unknown when there is no such meeting."""
    if names:
        with deps.database.glancing() as session:
            queries.meeting(session, meeting_id)
        require(deps, names)


def ensure(deps: Deps, wanted: Mapping[Role, str]) -> list[Ensured]:
    """Make the presets of these names that RealtimeKit lacks. Safe to repeat. Raises RealtimeKitError."""
    return [_ensured(deps, role, name) for role, name in wanted.items()]


def _ensured(deps: Deps, role: Role, name: str) -> Ensured:
    kit, is_host = deps.realtimekit, role is Role.HOST
    if made := name not in kit.run(kit.preset_names()):
        try:
            kit.run(kit.create_preset(name, preset_content(is_host=is_host)))
        except Conflict:  # somebody else has made it meanwhile
            made = False
    known = {preset.name: preset.id for preset in kit.run(kit.presets())}
    return Ensured(name, role, made, faults(kit.run(kit.preset(known[name])), is_host=is_host))
