"""The times that a participant's token names, read without its key."""

from datetime import UTC, datetime
from typing import Any

import jwt
import pytest

from orchestrator.realtimekit.tokens import issued_and_expires

START, END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 4, 11, tzinfo=UTC)


def test_a_token_names_its_start_and_its_end_also_when_both_are_past() -> None:
    claims = {"iat": int(START.timestamp()), "exp": int(END.timestamp())}
    assert issued_and_expires(jwt.encode(claims, "k" * 32)) == (START, END)


@pytest.mark.parametrize("claims", [{}, {"exp": None}, {"exp": "soon"}, {"exp": 1e300}, {"exp": [1]}])
def test_a_token_without_a_readable_end_has_none(claims: dict[str, Any]) -> None:
    assert issued_and_expires(jwt.encode(claims, "k" * 32)) == (None, None)


@pytest.mark.parametrize("token", ["", "opaque", "a.b.c"])
def test_something_that_is_no_jwt_has_no_times(token: str) -> None:
    assert issued_and_expires(token) == (None, None)
