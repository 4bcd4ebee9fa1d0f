"""What people write: chat, polls, and the stores that their pages share. Kept for each session, until its end."""

import time
from dataclasses import dataclass, field

from orchestrator.sandbox.edge import messages
from orchestrator.sandbox.edge.events import Chat, Plugin, Polls
from orchestrator.sandbox.edge.page import Handlers, Page
from orchestrator.sandbox.edge.protobuf import Values
from orchestrator.sandbox.world.state import new_id
from orchestrator.sandbox.world.values import Refusal


@dataclass(slots=True)
class Talk:
    """All that was written in one session."""

    chat: dict[str, Values] = field(default_factory=dict)
    polls: dict[str, Values] = field(default_factory=dict)
    stores: dict[str, dict[str, Values]] = field(default_factory=dict)


def _chat(page: Page, _payload: bytes) -> bytes:
    return messages.CHAT_MESSAGES.encode({"messages": _heard(page)})


def _chat_page(page: Page, _payload: bytes) -> bytes:
    return messages.CHAT_PAGE.encode({"messages": _heard(page), "next": False})


def _send(page: Page, payload: bytes) -> bytes:
    message = _written(page, messages.CHAT_SEND.decode(payload))
    for other in page.hub.others(page):
        other.say(Chat.SEND, messages.CHAT_SENT, {"message": message})
    return messages.CHAT_SENT.encode({"message": message})


def _send_to(page: Page, payload: bytes) -> bytes:
    asked = messages.CHAT_SEND_TO.decode(payload)
    wanted = set(asked.pop("peer_ids", ()))
    others = [other for other in page.hub.others(page) if other.own_id in wanted]
    people = [page.participant.id, *(other.participant.id for other in others)]
    message = _written(page, asked, people)
    for other in others:
        other.say(Chat.SEND_TO, messages.CHAT_SENT_TO, {"message": message})
    return messages.CHAT_SENT_TO.encode({"message": message})


def _edit(page: Page, payload: bytes) -> bytes:
    asked = messages.CHAT_EDIT.decode(payload)
    message = _message(page, asked.pop("chat_id", ""))
    message |= asked | {"is_edited": True}
    for other in page.hub.others(page):
        other.say(Chat.EDIT, messages.CHAT_EDITED, {"message": message})
    return messages.CHAT_EDITED.encode({"message": message})


def _delete(page: Page, payload: bytes) -> bytes:
    gone = {"chat_id": messages.CHAT_DELETE.decode(payload).get("chat_id", "")}
    _talk(page).chat.pop(gone["chat_id"], None)
    for other in page.hub.others(page):
        other.say(Chat.DELETE, messages.CHAT_DELETED, gone)
    return messages.CHAT_DELETED.encode(gone)


def _pin(page: Page, payload: bytes) -> bytes:
    asked = messages.CHAT_PIN.decode(payload)
    message = _message(page, asked.get("chat_id", ""))
    message["pinned"] = asked.get("pinned", False)
    pinned = {"chat_id": message["chat_id"], "pinned": message["pinned"], "message": message}
    for other in page.hub.others(page):
        other.say(Chat.PIN, messages.CHAT_PINNED, pinned)
    return messages.CHAT_PINNED.encode(pinned)


def _polls(page: Page, _payload: bytes) -> bytes:
    return messages.POLL_LIST.encode({"polls": list(_talk(page).polls.values())})


def _create_poll(page: Page, payload: bytes) -> bytes:
    asked = messages.POLL_NEW.decode(payload)
    poll: Values = {
        "poll_id": new_id(),
        "created_by": page.participant.name or "",
        "created_by_user_id": page.participant.id,
        "question": asked.get("question", ""),
        "options": [{"text": text, "count": 0} for text in asked.get("options", ())],
        "hide_votes": asked.get("hide_votes", False),
        "anonymous": asked.get("anonymous", False),
    }
    _talk(page).polls[poll["poll_id"]] = poll
    for other in page.hub.others(page):
        other.say(Polls.CREATE, messages.POLL_UPDATE, {"poll": poll})
    return messages.POLL_UPDATE.encode({"poll": poll})


def _vote(page: Page, payload: bytes) -> bytes:
    asked, voter = messages.POLL_VOTING.decode(payload), page.participant
    poll = _talk(page).polls.get(asked.get("poll_id", ""))
    if poll is None or asked.get("index", 0) >= len(poll["options"]):
        raise Refusal(404, "unknown poll")
    if voter.id not in poll.setdefault("votes", []):
        poll["votes"].append(voter.id)
        option = poll["options"][asked.get("index", 0)]
        option["count"] += 1
        if not poll["anonymous"]:
            option.setdefault("votes", []).append({"user_id": voter.id, "name": voter.name or ""})
        for other in page.hub.others(page):
            other.say(Polls.VOTE, messages.POLL_UPDATE, {"poll": poll})
    return messages.POLL_UPDATE.encode({"poll": poll})


def _insert_keys(page: Page, payload: bytes) -> bytes:
    asked = messages.STORE_INSERT.decode(payload)
    store = _store(page, asked)
    items = [
        {"timestamp": str(int(time.time() * 1000)), "peer_id": page.own_id, **key}
        for key in asked.get("insert_keys", ())
    ]
    store |= {item["store_key"]: item for item in items}
    named = {"plugin_id": asked.get("plugin_id"), "store_name": asked.get("store_name")}
    for other in page.hub.others(page):
        other.say(Plugin.INSERT_KEYS, messages.STORE, named | {"store_items": items})
    return messages.STORE.encode(named | {"store_items": items})


def _get_keys(page: Page, payload: bytes) -> bytes:
    asked = messages.STORE_GET.decode(payload)
    keys = {key.get("store_key") for key in asked.get("get_keys", ())}
    store = _store(page, asked) if page.session else {}
    items = [item for key, item in store.items() if not keys or key in keys]
    named = {"plugin_id": asked.get("plugin_id"), "store_name": asked.get("store_name")}
    return messages.STORE.encode(named | {"store_items": items})


def _store(page: Page, asked: Values) -> dict[str, Values]:
    return _talk(page).stores.setdefault(f"{asked.get('plugin_id')} {asked.get('store_name')}", {})


def _written(page: Page, asked: Values, people: list[str] | None = None) -> Values:
    moment = time.time()
    message: Values = {
        "chat_id": new_id(),
        "peer_id": page.own_id,
        "user_id": page.participant.id,
        "display_name": page.participant.name or "",
        "pinned": False,
        "is_edited": False,
        "payload_type": asked.get("payload_type", 0),
        "payload": asked.get("payload", ""),
        "target_user_ids": people or [],
        "created_at": int(moment),
        "created_at_ms": int(moment * 1000),
    }
    _talk(page).chat[message["chat_id"]] = message
    return message


def _heard(page: Page) -> list[Values]:
    """Return the messages to all, and those to or from this person."""
    own = page.participant.id
    return [each for each in _talk(page).chat.values() if not each["target_user_ids"] or own in each["target_user_ids"]]


def _message(page: Page, chat_id: str) -> Values:
    if found := _talk(page).chat.get(chat_id):
        return found
    raise Refusal(404, "unknown message")


def _talk(page: Page) -> Talk:
    if page.session is None:
        raise Refusal(403, "not in the meeting")
    return page.hub.talk(page.session)


HANDLERS: Handlers = {
    Chat.MESSAGES: _chat,
    Chat.PAGE: _chat_page,
    Chat.SEND: _send,
    Chat.SEND_TO: _send_to,
    Chat.EDIT: _edit,
    Chat.DELETE: _delete,
    Chat.PIN: _pin,
    Polls.LIST: _polls,
    Polls.CREATE: _create_poll,
    Polls.VOTE: _vote,
    Plugin.INSERT_KEYS: _insert_keys,
    Plugin.GET_KEYS: _get_keys,
}
