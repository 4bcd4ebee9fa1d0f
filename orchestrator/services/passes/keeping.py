"""What is stored of a person's record at RealtimeKit, and of the token that came with it."""

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from orchestrator.domain.tokens import STEPS, TokenTimes, token_times
from orchestrator.realtimekit.records import ParticipantRecord
from orchestrator.realtimekit.tokens import issued_and_expires
from orchestrator.services.deps import Deps
from orchestrator.services.passes.admission import Guest, Outcome

_spread = random.Random()  # noqa: S311 - spreads renewals, guards nothing


@dataclass(frozen=True)
class Kept:
    """A record with its token, encrypted outside of any lock because that takes time."""

    guest: Guest
    realtimekit_participant_id: str
    sealed: str = field(repr=False)
    times: TokenTimes

    def columns(self, now: datetime) -> dict[str, Any]:
        """Return the columns of Admission that hold it."""
        return {
            "realtimekit_participant_id": self.realtimekit_participant_id,
            **as_sent(self.guest),
            "auth_token": self.sealed,
            "token_made_at": now,
            "token_renew_at": self.times.renew_at,
            "token_good_until": self.times.good_until,
            "token_wanted": False,
        }


def as_sent(guest: Guest) -> dict[str, Any]:
    """Return the columns that say what a person's record was given."""
    return {"name_at_realtimekit": guest.name, "preset_at_realtimekit": guest.preset_name}


def kept(deps: Deps, guests: Iterable[Guest], outcomes: Mapping[str, Outcome], now: datetime) -> dict[str, Kept]:
    """Encrypt the tokens that RealtimeKit gave, by row. Those of one pass are renewed together."""
    step = _spread.randrange(STEPS)
    margin = timedelta(seconds=deps.settings.token_margin_seconds)
    found: dict[str, Kept] = {}
    for guest in guests:
        outcome = outcomes.get(guest.row_id)
        if isinstance(outcome, ParticipantRecord) and outcome.token:
            issued_at, expires_at = issued_and_expires(outcome.token)
            times = token_times(expires_at, issued_at, now, margin, step)
            found[guest.row_id] = Kept(guest, outcome.id, deps.vault.seal(outcome.token), times)
    return found
