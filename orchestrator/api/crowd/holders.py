"""Asking who holds a token, for a crowd of requests together.

Nothing is remembered, so that what is taken back ends at once.
"""

from collections.abc import Sequence
from functools import cached_property

from orchestrator.api.crowd.batches import Batches
from orchestrator.api.crowd.readers import Readers
from orchestrator.errors import NotNow, Unauthenticated, UserError
from orchestrator.log import logger
from orchestrator.services.access import holders
from orchestrator.services.access.holders import Holder
from orchestrator.store.database import Database
from orchestrator.store.trouble import DATABASE_TROUBLE
from schemas.problems import ProblemCode

log = logger(__name__)

HOLDERS_MOST = 500
"""People who are asked for together."""


class Holders:
    """Finds the people who hold tokens."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, participant_id: str) -> Holder:
        """Return what is known of a person. Raises Unauthenticated for an unknown one, NotNow without the database."""
        try:
            return await self._asked.run(participant_id)
        except DATABASE_TROUBLE as error:
            log.warning("holders of tokens can't be looked up", error=type(error).__name__)
            words = "the database is not available, so client tokens can't be looked up"
            raise NotNow(words, 1.0, ProblemCode.DATABASE_UNAVAILABLE) from None

    @cached_property
    def _asked(self) -> Batches[str, Holder]:
        """The batches, which can be made only where the event loop runs. One call at a time is under way."""
        return Batches(self._read, Readers(), HOLDERS_MOST)

    def _read(self, participant_ids: Sequence[str]) -> list[Holder | UserError]:
        found = holders.find_all(self._database, set(participant_ids))
        return [found.get(one) or _gone() for one in participant_ids]


def _gone() -> Unauthenticated:
    return Unauthenticated("the person of this client token is not here any more", ProblemCode.INVALID_TOKEN)
