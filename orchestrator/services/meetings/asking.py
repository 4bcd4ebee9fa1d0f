"""What a request answers when it asks RealtimeKit and is refused, or gets no answer."""

from collections.abc import Iterator
from contextlib import contextmanager

from orchestrator.errors import LeaseLost, Malformed, NotNow, OutcomeUnknown, Refused, TryAgain
from schemas.problems import ProblemCode


@contextmanager
def in_our_words() -> Iterator[None]:
    """Turn RealtimeKit's errors into the caller's mistake, or into an error after which the caller may repeat."""
    try:
        yield
    except Refused as error:
        raise Malformed(f"RealtimeKit refused: {error.message}", ("body",), ProblemCode.REALTIMEKIT_REFUSED) from error
    except TryAgain as error:
        raise NotNow(error.message, error.retry_after or 5.0, ProblemCode.REALTIMEKIT_UNAVAILABLE) from error
    except OutcomeUnknown as error:
        words = f"RealtimeKit did not answer: {error.message}"
        raise NotNow(words, code=ProblemCode.REALTIMEKIT_UNAVAILABLE) from error
    except LeaseLost as error:
        raise NotNow(str(error)) from error
