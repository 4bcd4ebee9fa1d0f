"""Presets over REST."""

from orchestrator.sandbox.rest.bodies import PresetBody, PresetPatch
from orchestrator.sandbox.rest.calls import Call, list_response
from orchestrator.sandbox.rest.preset_fields import check
from orchestrator.sandbox.rest.responses import Response, ok
from orchestrator.sandbox.world.state import Preset, World, new_id, now
from orchestrator.sandbox.world.values import JSON, Refusal, iso


def find(world: World, call: Call) -> Response:
    """GET /presets."""
    search = (call.first("search") or "").lower()
    return list_response(call, world, [each for each in world.presets.values() if search in each.name.lower()], _short)


def get(world: World, call: Call) -> Response:
    """GET /presets/{id}."""
    return ok(show(_preset(world, call)))


def create(world: World, call: Call) -> Response:
    """POST /presets: 200, not 201; names are unique."""
    body = call.parse(PresetBody)
    _check_name(world, body.name, None)
    content, moment = body.model_dump(exclude={"name"}), now()
    check(content)
    preset = Preset(new_id(), body.name, content, moment, moment)
    world.presets[preset.id] = preset
    return ok(show(preset))


def replace(world: World, call: Call) -> Response:
    """PUT /presets/{id}."""
    preset, body = _preset(world, call), call.parse(PresetBody)
    _check_name(world, body.name, preset)
    preset.name, preset.content, preset.updated_at = body.name, body.model_dump(exclude={"name"}), now()
    return ok(show(preset))


def update(world: World, call: Call) -> Response:
    """PATCH /presets/{id}."""
    preset = _preset(world, call)
    changes = call.parse(PresetPatch).model_dump(exclude_none=True)
    name = changes.pop("name", preset.name)
    _check_name(world, name, preset)
    preset.name, preset.content, preset.updated_at = name, preset.content | changes, now()
    return ok(show(preset))


def delete(world: World, call: Call) -> Response:
    """DELETE /presets/{id}: its participants keep it."""
    preset = _preset(world, call)
    del world.presets[preset.id]
    return ok(show(preset))


def show(preset: Preset) -> JSON:
    """Return the preset with its whole content."""
    return _short(preset) | preset.content


def _short(preset: Preset) -> JSON:
    moments = {"created_at": iso(preset.created_at), "updated_at": iso(preset.updated_at)}
    return {"id": preset.id, "name": preset.name} | moments


def _preset(world: World, call: Call) -> Preset:
    if found := world.presets.get(call.params["preset_id"]):
        return found
    raise Refusal(404, "Preset not found")


def _check_name(world: World, name: str, own: Preset | None) -> None:
    if any(each.name == name and each is not own for each in world.presets.values()):
        raise Refusal(409, f"Preset {name!r} already exists")
