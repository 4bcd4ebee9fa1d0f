"""Participant tokens: JWTs with RealtimeKit's claims, good for one participant of one meeting."""

import jwt

from orchestrator.sandbox.world.answers import Refusal
from orchestrator.sandbox.world.state import Participant, World, new_id, now


def mint(world: World, participant: Participant) -> str:
    """A token that lets this participant in; those before it stay good. `jti` makes two of one second differ."""
    moment = int(now())
    claims = {
        "orgId": world.organization_id,
        "meetingId": participant.meeting.id,
        "participantId": participant.id,
        "presetId": participant.preset.id,
        "iat": moment,
        "exp": moment + int(world.config.timings.token_lifetime_seconds),
        "jti": new_id(),
    }
    return jwt.encode(claims, world.token_key, algorithm="HS256")


def bearer(world: World, token: str) -> Participant:
    """Whose token this is; 401 if it is not ours, has expired, or its participant was deleted."""
    try:
        claims = jwt.decode(token, world.token_key, algorithms=["HS256"], options={"verify_iat": False})
    except jwt.InvalidTokenError as error:
        raise Refusal(401, f"Invalid auth token: {error}") from None
    if found := world.participants.get(claims["participantId"]):
        return found
    raise Refusal(401, "Invalid auth token: unknown participant")
