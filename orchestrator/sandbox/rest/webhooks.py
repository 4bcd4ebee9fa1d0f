"""Webhooks over REST: where events go."""

from orchestrator.sandbox.rest.bodies import WebhookBody, WebhookPatch
from orchestrator.sandbox.rest.calls import Call
from orchestrator.sandbox.world.answers import JSON, Answer, Refusal, iso, ok
from orchestrator.sandbox.world.payloads import EVENTS
from orchestrator.sandbox.world.state import Webhook, World, new_id, now


def create(world: World, call: Call) -> Answer:
    """POST /webhooks: 201."""
    body, moment = call.parse(WebhookBody), now()
    webhook = Webhook(new_id(), body.name, body.url, list(body.events), body.enabled, moment, moment)
    world.webhooks[webhook.id] = webhook
    return ok(show(webhook), 201)


def find(world: World, call: Call) -> Answer:  # noqa: ARG001 - the list has no filters, but every handler looks alike
    """GET /webhooks: all, without paging."""
    return ok([show(webhook) for webhook in world.webhooks.values()])


def events(world: World, call: Call) -> Answer:  # noqa: ARG001 - the same for everybody
    """GET /webhooks/all: the names of events, not webhooks."""
    return ok(EVENTS)


def get(world: World, call: Call) -> Answer:
    """GET /webhooks/{id}."""
    return ok(show(_webhook(world, call)))


def replace(world: World, call: Call) -> Answer:
    """PUT /webhooks/{id}."""
    webhook, body = _webhook(world, call), call.parse(WebhookBody)
    webhook.name, webhook.url, webhook.events = body.name, body.url, list(body.events)
    webhook.enabled, webhook.updated_at = body.enabled, now()
    return ok(show(webhook))


def edit(world: World, call: Call) -> Answer:
    """PATCH /webhooks/{id}."""
    webhook, body = _webhook(world, call), call.parse(WebhookPatch)
    webhook.name, webhook.url = body.name or webhook.name, body.url or webhook.url
    webhook.events = list(body.events or webhook.events)
    webhook.enabled = webhook.enabled if body.enabled is None else body.enabled
    webhook.updated_at = now()
    return ok(show(webhook))


def delete(world: World, call: Call) -> Answer:
    """DELETE /webhooks/{id}."""
    webhook = _webhook(world, call)
    del world.webhooks[webhook.id]
    return ok(show(webhook))


def show(webhook: Webhook) -> JSON:
    """A webhook as REST answers it."""
    return {
        "id": webhook.id,
        "name": webhook.name,
        "url": webhook.url,
        "events": webhook.events,
        "enabled": webhook.enabled,
        "created_at": iso(webhook.created_at),
        "updated_at": iso(webhook.updated_at),
    }


def _webhook(world: World, call: Call) -> Webhook:
    if found := world.webhooks.get(call.params["webhook_id"]):
        return found
    raise Refusal(404, "Webhook not found")
