"""Who calls: an operator by an API key, a host by a token of theirs, or a participant's browser."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass

from orchestrator.api.api_keys import ApiKeys
from orchestrator.api.sessions import ConsoleSessions
from orchestrator.api.tokens import ClientToken, ClientTokens
from orchestrator.errors import NotNow, Unauthenticated, WrongCredentials
from orchestrator.services.access.api_keys import Credential, key_hash
from orchestrator.services.access.holders import Holder
from orchestrator.services.reach import EVERYTHING, Reach
from schemas.events import ActorKind
from schemas.problems import ProblemCode
from schemas.states import KeyRole, Role, TokenScope

TOKEN_BEGINNING, TOKEN_DOTS = b"eyJ", 2
"""What a JWT looks like, which no key of ours does. One that looks so and is no token of ours is tried as a key."""
HOST_PREFIXES = ("/v1/meetings/", "/v1/breakouts/")
"""Where there may be something for hosts. Of every other path of operators they need a key."""

FindHolder = Callable[[str], Awaitable[Holder]]
"""Finds a person by our id. Raises Unauthenticated for an unknown one, NotNow without the database."""


@dataclass(frozen=True)
class Caller:
    """Somebody who may call operators' paths."""

    id: str
    """Tells callers apart: the hash of an API key, or the id of a host."""
    actor: str
    """Their name in logs of breakouts."""
    is_viewer: bool = False
    reach: Reach = EVERYTHING
    token: ClientToken | None = None
    """The token of a host; None for a key."""
    session: bytes | None = None
    """The id of the console's session that stands for the key; None where the key itself was sent."""

    @property
    def is_host(self) -> bool:
        """Whether it is a host with a token, and not a key."""
        return self.token is not None


class Callers:
    """Recognises callers by their credentials."""

    def __init__(self, keys: ApiKeys, tokens: ClientTokens, find_holder: FindHolder, sessions: ConsoleSessions) -> None:
        self._sessions = sessions
        self._keys = keys
        self._tokens = tokens
        self._find_holder = find_holder

    async def browser(self, bearer: bytes) -> ClientToken:
        """Return the token of a participant's browser. Raises Unauthenticated, WrongCredentials, NotNow."""
        try:
            token = self._tokens.verify(_text(bearer))
        except WrongCredentials:
            if await self._keys.find(key_hash(bearer)) is not None:
                raise Unauthenticated("an API key is no client token", ProblemCode.INVALID_TOKEN) from None
            raise
        await self._holder(token)
        return token

    async def caller(self, bearer: bytes, path: str) -> Caller:
        """Return who calls an operator's path. Raises Unauthenticated, WrongCredentials, NotNow."""
        if (token := self._token(bearer)) is not None:
            return await self._host(token, path)
        return await self.of_key(key_hash(bearer))

    async def of_key(self, hashed: str) -> Caller:
        """Return who calls with the key of this hash. Raises Unauthenticated, WrongCredentials, NotNow."""
        key = await self._keys.find(hashed)
        if key is None:
            raise WrongCredentials("unknown API key")
        if not key.is_good:
            raise Unauthenticated("this API key has expired or was revoked")
        self._keys.note_use(hashed)
        return _of_key(hashed, key)

    async def gone(self, callers: Collection[Caller]) -> set[Caller]:
        """Return those of these callers whose credentials are not good any more; none without the database."""
        checked = await asyncio.gather(*(self._is_gone(caller) for caller in callers))
        return {caller for caller, is_gone in zip(callers, checked, strict=True) if is_gone}

    async def _is_gone(self, caller: Caller) -> bool:
        try:
            return not await self._is_good(caller)
        except NotNow:
            return False
        except Unauthenticated:
            return True

    async def _is_good(self, caller: Caller) -> bool:
        if caller.token is not None:
            return not caller.token.has_expired and (await self._holder(caller.token)).role is Role.HOST
        if caller.session is not None and not await self._sessions.is_living(caller.session):
            return False
        key = await self._keys.find(caller.id)
        return key is not None and key.is_good

    def _token(self, bearer: bytes) -> ClientToken | None:
        """Return the token if it is one of ours. Raises Unauthenticated for one that has expired."""
        if not bearer.startswith(TOKEN_BEGINNING) or bearer.count(b".") != TOKEN_DOTS:
            return None
        try:
            return self._tokens.verify(_text(bearer))
        except WrongCredentials:
            return None

    async def _host(self, token: ClientToken, path: str) -> Caller:
        if token.scope is not TokenScope.HOST or not path.startswith(HOST_PREFIXES):
            raise Unauthenticated("a client token is not good here", ProblemCode.INVALID_TOKEN)
        holder = await self._holder(token)
        if holder.role is not Role.HOST:
            raise Unauthenticated("the person of this client token is not a host any more", ProblemCode.INVALID_TOKEN)
        actor = ActorKind.HOST.named(holder.custom_participant_id)
        return Caller(token.participant_id, actor, reach=Reach(meeting_id=token.meeting_id), token=token)

    async def _holder(self, token: ClientToken) -> Holder:
        """Return the person of a token. Raises Unauthenticated when it was taken back, NotNow."""
        holder = await self._find_holder(token.participant_id)
        if holder.number != token.number:
            raise Unauthenticated("this client token was taken back", ProblemCode.INVALID_TOKEN)
        return holder


def _of_key(hashed: str, key: Credential) -> Caller:
    is_viewer = key.role is KeyRole.VIEWER
    return Caller(hashed, ActorKind.KEY.named(key.name), is_viewer=is_viewer, reach=Reach(tenant=key.tenant))


def _text(bearer: bytes) -> str:
    return bearer.decode("latin-1")
