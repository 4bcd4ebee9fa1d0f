"""Webhook endpoints: servers of yours that hear what happens."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from orchestrator.cli.daily.client import JSON, Api, all_of, create_once, endpoint_path
from orchestrator.cli.daily.options import AsJson, Command
from orchestrator.cli.daily.output import answer, rows

COLUMNS = ("id", "url", "meeting_id", "disabled")
DELIVERY_COLUMNS = ("id", "type", "state", "attempts", "last_status", "next_attempt_at")

EndpointId = Annotated[str, typer.Argument(metavar="ENDPOINT_ID", show_default=False)]
Url = Annotated[str, typer.Argument(metavar="URL", show_default=False)]
Event = Annotated[list[str] | None, typer.Option("--event", help="A type that it hears; repeat it. Default: all.")]


def add(
    api: Api,
    url: Url,
    *,
    event: Event = None,
    meeting: Annotated[str | None, typer.Option(metavar="MEETING_ID", help="Of this meeting alone.")] = None,
    json: AsJson = False,
) -> None:
    """Register a server, and print the secret that signs; it is shown here alone."""
    body = create_once(api, endpoint_path(), {"url": url, "events": event, "meeting_id": meeting})
    answer(body, f"{body['id']}\n{body['secret']}", json=json)


def index(api: Api, *, json: AsJson = False) -> None:
    """List all."""
    rows(all_of(api, endpoint_path()), COLUMNS, json=json)


def show(api: Api, endpoint_id: EndpointId, *, json: AsJson = False) -> None:
    """Show one."""
    body = api.get(endpoint_path(endpoint_id))
    hears = ", ".join(body["events"] or ["everything"])
    answer(body, f"{body['url']} {'is disabled' if body['disabled'] else 'hears'}: {hears}", json=json)


def change(
    api: Api,
    endpoint_id: EndpointId,
    *,
    url: Annotated[str | None, typer.Option(metavar="URL")] = None,
    event: Event = None,
    disable: Annotated[bool | None, typer.Option("--disable/--enable", help="Stop sending, or go on.")] = None,
    json: AsJson = False,
) -> None:
    """Change where deliveries go, what it hears, or whether it hears anything."""
    given: JSON = {"url": url, "events": event, "disabled": disable}
    body = api.call("PATCH", endpoint_path(endpoint_id), _without_none(given))
    answer(body, f"{body['url']} {'is disabled' if body['disabled'] else 'is changed'}", json=json)


def remove(api: Api, endpoint_id: EndpointId) -> None:
    """Send nothing more there."""
    api.call("DELETE", endpoint_path(endpoint_id))
    answer({}, f"{endpoint_id} is removed", json=False)


def rotate(api: Api, endpoint_id: EndpointId, *, json: AsJson = False) -> None:
    """Print a new secret; the one before signs too for a day."""
    body = create_once(api, endpoint_path(endpoint_id, "secret"))
    answer(body, body["secret"], json=json)


def ping(api: Api, endpoint_id: EndpointId, *, json: AsJson = False) -> None:
    """Send a delivery that says nothing, to see whether it comes in."""
    body = create_once(api, endpoint_path(endpoint_id, "ping"))
    answer(body, f"{body['id']} is sent", json=json)


def deliveries(api: Api, endpoint_id: EndpointId, *, json: AsJson = False) -> None:
    """List what was sent and is to be sent."""
    rows(all_of(api, endpoint_path(endpoint_id, "deliveries")), DELIVERY_COLUMNS, json=json)


def redeliver(
    api: Api,
    endpoint_id: EndpointId,
    delivery_id: Annotated[str, typer.Argument(metavar="DELIVERY_ID", show_default=False)],
    *,
    json: AsJson = False,
) -> None:
    """Send a delivery again, at once."""
    body = create_once(api, endpoint_path(endpoint_id, "deliveries", delivery_id, "redeliver"))
    answer(body, f"{body['id']} is sent again", json=json)


def _without_none(given: JSON) -> dict[str, Any]:
    return {name: value for name, value in given.items() if value is not None}


COMMANDS: Mapping[str, Command] = {
    "add": add,
    "list": index,
    "show": show,
    "change": change,
    "remove": remove,
    "rotate": rotate,
    "ping": ping,
    "deliveries": deliveries,
    "redeliver": redeliver,
}
