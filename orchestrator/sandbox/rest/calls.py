"""One REST call as a handler gets it, and the log of all calls."""

import json
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from orchestrator.sandbox.rest.responses import Response, page
from orchestrator.sandbox.world.config import SandboxConfig
from orchestrator.sandbox.world.state import World
from orchestrator.sandbox.world.values import JSON, Refusal

Body = TypeVar("Body", bound=BaseModel)
SECRET_FIELDS = {"storage_config", "rtmp_out_config", "live_streaming_config", "token", "auth_token"}


@dataclass(slots=True)
class Call:
    """A routed request with its whole body."""

    operation: str
    method: str
    path: str
    params: dict[str, str]
    query: dict[str, list[str]]
    body: bytes

    def parse(self, model: type[Body]) -> Body:
        """Read the body; an empty one counts as `{}`, a wrong one gets a 400 that says why."""
        try:
            return model.model_validate_json(self.body or b"{}", strict=True)
        except ValidationError as error:
            raise Refusal(400, "; ".join(_complaint(part) for part in error.errors(include_url=False))) from None

    def first(self, name: str) -> str | None:
        """Return the first value of a query parameter, if any."""
        values = self.query.get(name)
        return values[0] if values else None

    def one_of(self, name: str, *allowed: str) -> str | None:
        """Return a query parameter; 400 when it is none of the allowed values."""
        value = self.first(name)
        if value is not None and value not in allowed:
            raise Refusal(400, f"{name}: must be one of {', '.join(allowed)}")
        return value

    def number(self, name: str, default: int) -> int:
        """Return a query parameter as a whole number (the SDK writes `1` or `1.0`); 400 when it is none or negative."""
        value = self.first(name)
        if value is None:
            return default
        try:
            number = int(float(value))
        except (ValueError, OverflowError):
            raise Refusal(400, f"{name}: must be a number") from None
        if number < 0:
            raise Refusal(400, f"{name}: must not be negative")
        return number

    def moment(self, name: str) -> float | None:
        """Return the time in a query parameter, in seconds since the epoch; 400 when it is none."""
        value = self.first(name)
        try:
            return None if value is None else datetime.fromisoformat(value).timestamp()
        except ValueError:
            raise Refusal(400, f"{name}: must be a date and time") from None

    def flag(self, name: str) -> bool:
        """Return a boolean query parameter."""
        return self.one_of(name, "true", "false") == "true"

    def page(self, items: list[Any], config: SandboxConfig) -> tuple[list[Any], JSON]:
        """Return the page of a list that the query asks for, and what its answer has besides: its `paging`."""
        asked, switches = self.number("per_page", 0) or config.default_per_page, config.switches
        if asked > switches.most_per_page and switches.too_many_per_page == "refuse":
            raise Refusal(400, f"per_page: must be at most {switches.most_per_page}")
        number = max(self.number("page_no", switches.pages_from), switches.pages_from) - switches.pages_from + 1
        chosen, paging = page(items, number, min(asked, switches.most_per_page))
        return list(chosen), {"paging": paging} if switches.lists_have_totals else {}


Handler = Callable[[World, Call], Response]


def list_response(call: Call, world: World, items: list[Any], show: Callable[[Any], JSON]) -> Response:
    """Return one page of a list: `data[]` and `paging`."""
    chosen, besides = call.page(items, world.config)
    return Response(200, {"success": True, "data": [show(item) for item in chosen], **besides})


@dataclass(slots=True)
class LoggedCall:
    """A call in the log."""

    at: float
    call: Call
    status: int = 0
    seconds: float = 0.0
    fault: str | None = None

    def show(self) -> JSON:
        """Return the entry of `/_sandbox/calls`; status 0 means that there was no answer."""
        call = self.call
        args = {"path": call.params, "query": call.query, "body": _summary(call.body)}
        shown = {"at": self.at, "operation": call.operation, "method": call.method, "path": call.path}
        return shown | {"status": self.status, "seconds": round(self.seconds, 6), "fault": self.fault, "args": args}


class CallLog:
    """Counts of all calls, and details of the latest ones."""

    def __init__(self, size: int) -> None:
        self._size = size
        self.clear()

    def clear(self) -> None:
        """Forget all calls but the number of those in flight."""
        self.counts: Counter[str] = Counter()
        self.statuses: dict[str, Counter[str]] = {}
        self.entries: deque[LoggedCall] = deque(maxlen=self._size)
        self.in_flight = getattr(self, "in_flight", 0)
        self.max_in_flight = self.in_flight

    def begin(self, entry: LoggedCall) -> None:
        """Count a call that has come in."""
        self.counts[entry.call.operation] += 1
        self.entries.append(entry)
        self.in_flight += 1
        self.max_in_flight = max(self.max_in_flight, self.in_flight)

    def end(self, entry: LoggedCall, seconds: float) -> None:
        """Note that a call was answered, or that its connection was cut."""
        entry.seconds = seconds
        self.in_flight -= 1
        self.statuses.setdefault(entry.call.operation, Counter())[str(entry.status)] += 1

    def show(self) -> JSON:
        """Return the counts and the log as JSON."""
        return {
            "total": sum(self.counts.values()),
            "counts": dict(self.counts),
            "statuses": {operation: dict(statuses) for operation, statuses in self.statuses.items()},
            "in_flight": self.in_flight,
            "max_in_flight": self.max_in_flight,
            "log": [entry.show() for entry in self.entries],
        }


def _complaint(error: Any) -> str:
    where = ".".join(str(part) for part in error["loc"]) or "body"
    return f"{where}: {error['msg']}"


def _summary(body: bytes) -> Any:
    try:
        parsed = json.loads(body) if body else None
    except ValueError:
        return body[:200].decode(errors="replace")
    if not isinstance(parsed, dict):
        return parsed
    return {key: value for key, value in parsed.items() if key not in SECRET_FIELDS}
