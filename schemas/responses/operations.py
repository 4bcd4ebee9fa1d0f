"""Problems, and what load balancers and RealtimeKit are answered."""

from pydantic import ConfigDict, Field

from schemas.problems import ProblemCode
from schemas.responses.base import ResponseBody


class ValidationProblem(ResponseBody):
    """One field of a request that can't be accepted."""

    loc: list[str | int] = Field(
        description="Where it stands: `body`, `query`, `path` or `header`, then the way to the field."
    )
    msg: str = Field(description="What is wrong with it.")


class ProblemResponse(ResponseBody):
    """An error as RFC 9457 has it; 422 lists `errors`, 409 names the `state` and what is `allowed`, 412 `fields`."""

    model_config = ConfigDict(frozen=True, extra="allow")

    type: str = Field(description="A URI of the kind of problem; `about:blank` says that `code` and `status` tell all.")
    title: str = Field(description="The status in words.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="A sentence that says what is wrong.")
    code: ProblemCode = Field(description="The cause, for programs: `docs/errors.md` lists them all.")
    breakout_id: str | None = Field(
        default=None, description="409: the other breakout that stands in the way; null when none does."
    )
    errors: list[ValidationProblem] | None = Field(default=None, description="422: each mistake; null otherwise.")
    state: str | None = Field(
        default=None, description="409: the present state of what stands in the way; null otherwise."
    )
    allowed: list[str] | None = Field(
        default=None, description="409: the states in which this call is taken; null otherwise."
    )
    version: int | None = Field(default=None, description="412: the present version; null otherwise.")
    fields: list[str] | None = Field(
        default=None, description="412: what has changed since the version in `If-Match`; null otherwise."
    )


class DeliveryResponse(ResponseBody):
    """A webhook is stored."""

    status: str = Field(description="`ok`.")


class HealthResponse(ResponseBody):
    """The process answers."""

    status: str = Field(description="`ok`.")
    version: str = Field(description="The version of this server.")


class ReadinessResponse(ResponseBody):
    """Every part that is needed is there."""

    status: str = Field(description="`ready`.")
    database: str = Field(description="`ok`.")
    broker: str = Field(description="`ok`.")
    timekeeper: str = Field(description="`ok`.")
    workers: str = Field(description="`ok`.")
    work: str = Field(description="`ok`.")
