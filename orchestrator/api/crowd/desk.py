"""The desk: answers participants' browsers and RealtimeKit. What a crowd asks at the same time is done together."""

from collections.abc import Collection, Mapping, Sequence
from functools import partial

from sqlmodel import Session

from orchestrator.api.crowd.batches import Batches
from orchestrator.api.crowd.readers import Readers
from orchestrator.api.crowd.shown import ShownHelp, ShownSeat, shown
from orchestrator.api.crowd.starts import Asked, Start, read_logs
from orchestrator.api.crowd.token_requests import TokenRequests
from orchestrator.errors import Unauthenticated, UserError
from orchestrator.services.breakout.choosing import Choice, choose_all
from orchestrator.services.deps import Deps
from orchestrator.services.idempotency import keys
from orchestrator.services.idempotency.keys import Once, Reply
from orchestrator.services.people import acks, helping, seats, tokens
from orchestrator.services.people.acks import Ack
from orchestrator.services.people.helping import Ask
from orchestrator.services.people.helping import Asked as AskedForHelp
from orchestrator.services.people.tokens import MissingTokens
from orchestrator.services.views import help_requests
from orchestrator.services.webhooks import incoming
from orchestrator.services.webhooks.incoming import Delivery
from schemas.problems import ProblemCode

SEATS_MOST = 250
"""Seats, or acks, that are worked on together: few enough that the first of a crowd need not wait for the last."""

CHOICES_MOST = 50
"""Choices of rooms that share a transaction: few, because an operator waits until it has ended."""

DELIVERIES_MOST = 500
"""Webhooks that are stored together."""

DELIVERIES_REST_SECONDS = 0.05
"""How long the desk gathers webhooks between two transactions.

80 webhooks in a second took a quarter of the API's processor time without it (measured).
"""


class Desk:
    """Reads seats and the beginnings of streams, and stores acks and webhooks, in batches."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps
        self.readers = Readers()
        self.checkers = Readers()
        """Check signatures of webhooks. That may wait for RealtimeKit's key, and must keep no seat waiting."""
        self._tokens = TokenRequests(deps)
        self._seats: Batches[str, ShownSeat] = Batches(self._read_seats, self.readers, SEATS_MOST)
        self._starts: Batches[Asked, Start] = Batches(self._read_starts, self.readers, SEATS_MOST)
        self._acks: Batches[Ack, ShownSeat] = Batches(self._store_acks, self.readers, SEATS_MOST)
        self._choices: Batches[Choice, ShownSeat] = Batches(self._store_choices, self.readers, CHOICES_MOST)
        self._asks: Batches[Ask, ShownHelp] = Batches(self._store_asks, self.readers, SEATS_MOST)
        self._deliveries: Batches[Delivery, None] = Batches(
            lambda some: incoming.store_all(deps, some), self.readers, DELIVERIES_MOST, rest=DELIVERIES_REST_SECONDS
        )

    def start(self) -> None:
        """Start asking for missing tokens."""
        self._tokens.start()

    def close(self) -> None:
        """Stop asking for missing tokens."""
        self._tokens.close()

    async def seat(self, participant_id: str) -> ShownSeat:
        """Return where a person should be now. Raises Unauthenticated for nobody of a meeting."""
        return await self._seats.run(participant_id)

    async def begin(self, asked: Asked) -> Start:
        """Return what a seat stream begins with. Raises Unauthenticated for nobody of a meeting."""
        return await self._starts.run(asked)

    async def ack(self, ack: Ack) -> ShownSeat:
        """Store where a browser has arrived, and return its seat. Raises Unauthenticated, Malformed for a room."""
        return await self._acks.run(ack)

    async def choose(self, choice: Choice) -> ShownSeat:
        """Seat somebody in the room that they choose, and return their seat. Raises UserError when they may not."""
        return await self._choices.run(choice)

    async def ask_for_help(self, ask: Ask) -> ShownHelp:
        """Note that somebody asks for help, and return their open request. Raises WrongState for who is in no room."""
        return await self._asks.run(ask)

    async def ask_for_help_once(self, ask: Ask, once: Once) -> Reply:
        """Do the same for a request with an Idempotency-Key. Raises what that does, and Malformed for another body."""
        work = partial(helping.ask, one=ask)
        return await self.readers.run(lambda: keys.run(self._deps, once, work, _help_reply))

    async def deliver(self, delivery: Delivery) -> None:
        """Store a webhook whose signature was checked."""
        await self._deliveries.run(delivery)

    async def seats(self, participant_ids: Collection[str]) -> dict[str, ShownSeat]:
        """Return the seats of these people. Unknown people are left out."""
        return await self.readers.run(lambda: self._read(participant_ids))

    async def ask_for_ending(self, listening: Mapping[str, set[str]]) -> None:
        """Ask for another token for main where the one of somebody who has a stream ends soon."""
        ends = await self.readers.run(lambda: self._ending(listening))
        theirs = {meeting_id: people & listening[meeting_id] for meeting_id, people in ends.main.items()}
        self._tokens.add(MissingTokens({meeting_id: people for meeting_id, people in theirs.items() if people}))

    def _ending(self, listening: Mapping[str, set[str]]) -> MissingTokens:
        with self._deps.database.glancing() as session:
            return tokens.ending(session, listening.keys())

    def _read(self, participant_ids: Collection[str]) -> dict[str, ShownSeat]:
        read = seats.read(self._deps, participant_ids)
        self._tokens.add(read.missing)
        return shown(read.found)

    def _store_acks(self, some: Sequence[Ack]) -> list[ShownSeat | UserError]:
        errors = acks.store_all(self._deps, some)
        seats_of = self._read_seats([ack.participant_id for ack in some])
        return [_first(error, seat) for error, seat in zip(errors, seats_of, strict=True)]

    def _store_choices(self, some: Sequence[Choice]) -> list[ShownSeat | UserError]:
        errors = choose_all(self._deps, some)
        seats_of = self._read_seats([choice.participant_id for choice in some])
        return [_first(error, seat) for error, seat in zip(errors, seats_of, strict=True)]

    def _store_asks(self, some: Sequence[Ask]) -> list[ShownHelp | UserError]:
        found = helping.ask_all(self._deps, some)
        with self._deps.database.reading() as session:
            rows = help_requests.requests(session, [one.help_id for one in found if not isinstance(one, UserError)])
        return [
            one if isinstance(one, UserError) else ShownHelp(rows[one.help_id].model_dump_json(), one.is_new)
            for one in found
        ]

    def _read_seats(self, participant_ids: Sequence[str]) -> list[ShownSeat | UserError]:
        found = self._read(set(participant_ids))
        return [found.get(one) or _unknown() for one in participant_ids]

    def _read_starts(self, asked: Sequence[Asked]) -> list[Start | UserError]:
        """Read the logs first: what happens between the two reads is then news to the stream."""
        logs = read_logs(self._deps, asked)
        found = self._read({one.participant_id for one in asked})
        seats_of = [(one, found.get(one.participant_id)) for one in asked]
        return [logs.start(one, seat) if seat else _unknown() for one, seat in seats_of]


def _help_reply(session: Session, found: AskedForHelp) -> Reply:
    row = help_requests.requests(session, [found.help_id])[found.help_id]
    return Reply(201 if found.is_new else 200, row.model_dump_json())


def _first(error: UserError | None, seat: ShownSeat | UserError) -> ShownSeat | UserError:
    """Return what to answer. Who is nobody of the meeting any more is told so before anything else."""
    return seat if isinstance(seat, Unauthenticated) else error or seat


def _unknown() -> Unauthenticated:
    """Return the error for a token whose person has left the meeting for good, or whose meeting is deleted."""
    return Unauthenticated("this client token is good for nobody any more", ProblemCode.INVALID_TOKEN)
