"""Checks of presets at RealtimeKit: those in use exist, let everybody in, and make hosts of hosts alone."""

from collections.abc import Iterator

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import col

from orchestrator.cli.doctor.checks import Check, Verdict, failed, ok, warning
from orchestrator.cli.doctor.parts import Parts
from orchestrator.errors import Unusable
from orchestrator.realtimekit.presets import NO_WAITING_ROOM, waits
from orchestrator.realtimekit.records import PresetRecord
from schemas.requests import MeetingRequest
from schemas.states import Role
from schemas.tables import Meeting, Participant

MAX_PRESETS_READ = 10
DEFAULTS = {
    Role.HOST: str(MeetingRequest.model_fields["host_preset"].default),
    Role.PARTICIPANT: str(MeetingRequest.model_fields["participant_preset"].default),
}
CREATE = "run `breakouts presets create`, or name others in `POST /v1/meetings`"
CHANGE = "change `connected_meetings` in the preset's permissions, or name others in `POST /v1/meetings`"


def presets(parts: Parts) -> Verdict:
    """Check that the presets in use exist, because nobody can be admitted without."""
    used = sorted({name for _, name in _used(parts)})
    if missing := [name for name in used if name not in parts.presets]:
        return failed(f"meetings use {', '.join(missing)}, and the app has none of that name", CREATE)
    if missing := [name for name in DEFAULTS.values() if name not in parts.presets]:
        words = f"the app has no {', '.join(missing)}, which meetings use that name none"
        return warning(words, CREATE) if used else failed(words, CREATE)
    return ok(
        f"all that meetings use are there: {', '.join({**dict.fromkeys(used), **dict.fromkeys(DEFAULTS.values())})}"
    )


def waiting_rooms(parts: Parts) -> Verdict:
    """Check that no preset has a waiting room, because nobody in a room would let people in."""
    if stuck := sorted({preset.name for _, preset in _read(parts) if waits(preset)}):
        advice = f"set waiting_room_type to {NO_WAITING_ROOM} in the preset's permissions"
        return failed(f"{', '.join(stuck)} puts people into a waiting room that nobody watches", advice)
    return ok("none")


def rights(parts: Parts) -> Verdict:
    """Check that RealtimeKit's own user interface lets hosts, and nobody else, alter breakouts."""
    read = list(_read(parts))
    if weak := sorted({preset.name for role, preset in read if role is Role.HOST and not preset.is_host}):
        words = f"hosts with {', '.join(weak)} can't alter breakouts in RealtimeKit's own user interface"
        return warning(words, CHANGE)
    if strong := sorted({preset.name for role, preset in read if role is Role.PARTICIPANT and preset.is_host}):
        words = f"participants with {', '.join(strong)} may alter breakouts in RealtimeKit's own user interface"
        return warning(words, CHANGE)
    return ok("hosts may alter breakouts in RealtimeKit's own user interface, and participants may not")


def _used(parts: Parts) -> list[tuple[Role, str]]:
    """Return the presets of meetings and people by role; none without the database, which has a check of its own."""
    try:
        with parts.database.reading() as session:
            hosts = session.scalars(select(col(Meeting.host_preset)).distinct()).all()
            others = session.scalars(select(col(Meeting.participant_preset)).distinct()).all()
            own = session.execute(select(col(Participant.role), col(Participant.preset_name)).distinct()).all()
    except (SQLAlchemyError, Unusable):
        return []
    named = [(Role.HOST, name) for name in hosts] + [(Role.PARTICIPANT, name) for name in others]
    return named + [(role, name) for role, name in own if name]


def _read(parts: Parts) -> Iterator[tuple[Role, PresetRecord]]:
    """Yield the presets in use that exist, with their permissions; of very many, some."""
    used = dict.fromkeys([*_used(parts), *DEFAULTS.items()])
    known = [(role, name) for role, name in used if name in parts.presets]
    for role, name in known[:MAX_PRESETS_READ]:
        yield role, parts.preset(name)


CHECKS = (
    Check("presets", presets, ("RealtimeKit",), timeout_seconds=15),
    Check("waiting rooms", waiting_rooms, ("presets",), timeout_seconds=30),
    Check("rights", rights, ("presets",), timeout_seconds=30),
)
