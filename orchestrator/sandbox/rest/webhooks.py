"""Webhooks over REST."""

from orchestrator.sandbox.rest.bodies import WebhookBody, WebhookPatch
from orchestrator.sandbox.rest.calls import Call
from orchestrator.sandbox.rest.responses import Response, ok
from orchestrator.sandbox.world.payloads import EVENTS
from orchestrator.sandbox.world.state import Webhook, World, new_id, now
from orchestrator.sandbox.world.values import JSON, Refusal, iso


def create(world: World, call: Call) -> Response:
    """POST /webhooks: 201."""
    body, moment = call.parse(WebhookBody), now()
    webhook = Webhook(new_id(), body.name, body.url, list(body.events), body.enabled, moment, moment)
    world.webhooks[webhook.id] = webhook
    return ok(show(webhook), 201)


def find(world: World, call: Call) -> Response:  # noqa: ARG001 - all handlers have the same arguments
    """GET /webhooks: all, without paging."""
    return ok([show(webhook) for webhook in world.webhooks.values()])


def events(world: World, call: Call) -> Response:  # noqa: ARG001 - all handlers have the same arguments
    """GET /webhooks/all: the names of all events, in spite of its path."""
    return ok(EVENTS)


def get(world: World, call: Call) -> Response:
    """GET /webhooks/{id}."""
    return ok(show(_webhook(world, call)))


def replace(world: World, call: Call) -> Response:
    """PUT /webhooks/{id}."""
    webhook, body = _webhook(world, call), call.parse(WebhookBody)
    webhook.name, webhook.url, webhook.events = body.name, body.url, list(body.events)
    webhook.enabled, webhook.updated_at = body.enabled, now()
    return ok(show(webhook))


def edit(world: World, call: Call) -> Response:
    """PATCH /webhooks/{id}."""
    webhook, body = _webhook(world, call), call.parse(WebhookPatch)
    webhook.name, webhook.url = body.name or webhook.name, body.url or webhook.url
    webhook.events = list(body.events or webhook.events)
    webhook.enabled = webhook.enabled if body.enabled is None else body.enabled
    webhook.updated_at = now()
    return ok(show(webhook))


def delete(world: World, call: Call) -> Response:
    """DELETE /webhooks/{id}."""
    webhook = _webhook(world, call)
    del world.webhooks[webhook.id]
    return ok(show(webhook))


def show(webhook: Webhook) -> JSON:
    """Return the webhook as REST shows it."""
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
