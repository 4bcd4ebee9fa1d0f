"""Presets at RealtimeKit that fit breakouts."""

from collections.abc import Mapping
from dataclasses import dataclass

from orchestrator.errors import Conflict
from orchestrator.realtimekit.presets import faults, preset_content
from orchestrator.services.deps import Deps
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
