"""RealtimeKit's own breakouts: meetings that a host's page makes beside its own, and whom it moves between them.

The client renames nothing by itself: its `updateMeetings` sends no message.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from orchestrator.sandbox.edge import breakout_messages as messages
from orchestrator.sandbox.edge.events import Room
from orchestrator.sandbox.edge.page import Handlers, Page
from orchestrator.sandbox.edge.protobuf import Message, Values
from orchestrator.sandbox.rest import meetings, participants
from orchestrator.sandbox.rest.bodies import MeetingBody
from orchestrator.sandbox.world.state import Meeting, Participant, World
from orchestrator.sandbox.world.tokens import mint
from orchestrator.sandbox.world.values import Refusal

ALTER, SWITCH, GO_HOME = "can_alter_connected_meetings", "can_switch_connected_meetings", "can_switch_to_parent_meeting"


@dataclass(slots=True, eq=False)
class Family:
    """A parent meeting, and those that hosts have made beside it."""

    parent: Meeting
    children: dict[str, Meeting] = field(default_factory=dict)

    def meeting(self, meeting_id: str | None) -> Meeting:
        """Return one of its meetings; 404 when it is none."""
        if meeting_id == self.parent.id:
            return self.parent
        if found := self.children.get(meeting_id or ""):
            return found
        raise Refusal(404, "no meeting of this breakout")

    def person(self, meeting: Meeting, person_id: str) -> Participant | None:
        """Return somebody's record in one of its meetings; the client knows people by that in any of them."""
        found = (each.participants.get(person_id) for each in (meeting, self.parent, *self.children.values()))
        known = next(filter(None, found), None)
        return meeting.by_custom_id.get(known.custom_participant_id) if known else None


def moved(participant: Participant) -> Values:
    """Write that somebody has come to a meeting."""
    return {"meeting_id": participant.meeting.id, "custom_participant_id": participant.custom_participant_id}


def _show(page: Page, _payload: bytes) -> bytes:
    family = page.hub.family(page.participant.meeting)
    children = [_shown(child) for child in family.children.values()]
    return messages.MEETINGS.encode({"parent_meeting": _shown(family.parent), "meetings": children})


def _create(page: Page, payload: bytes) -> bytes:
    _check(page, ALTER)
    family, made = page.hub.family(page.participant.meeting), list[Values]()
    for asked in messages.CREATE.decode(payload).get("payloads", ()):
        child = meetings.make(page.hub.world, MeetingBody(title=asked.get("title")))
        page.hub.adopt(family, child)
        made.append({"id": child.id, "title": child.title})
    return _told(page, family, Room.CONNECTED_UPDATED, messages.CREATED, made)


def _delete(page: Page, payload: bytes) -> bytes:
    _check(page, ALTER)
    family, gone = page.hub.family(page.participant.meeting), list[Values]()
    for asked in messages.DELETE.decode(payload).get("payloads", ()):
        child = family.children.pop(asked.get("id", ""), None)
        if child is None:
            gone.append({"id": asked.get("id"), "error": _error("there is no such meeting")})
            continue
        meetings.set_status(page.hub.world, child, "INACTIVE")
        gone.append({"id": child.id, "status": child.status, "title": child.title})
    return _told(page, family, Room.CONNECTED_DELETED, messages.DELETED, gone)


def _told(page: Page, family: Family, event: Room, message: Message, payloads: list[Values]) -> bytes:
    """Tell all pages of a family what one of them is answered."""
    for each in page.hub.pages_of(family):
        each.say(event, message, {"payloads": payloads})
    return message.encode({"payloads": payloads})


def _move(page: Page, payload: bytes) -> bytes:
    asked, family = messages.MOVE.decode(payload), page.hub.family(page.participant.meeting)
    source, target = (family.meeting(asked.get(f"{which}_meeting_id")) for which in ("source", "destination"))
    people = [(family.person(source, each.get("id", "")), each.get("preset_id")) for each in asked["participants"]]
    if {person and person.custom_participant_id for person, _ in people} != {page.participant.custom_participant_id}:
        _check(page, ALTER)
    elif not _may(page, ALTER):
        _check(page, GO_HOME if target is family.parent else SWITCH)
    return messages.MOVED.encode({"payloads": [_moved(page, target, *each) for each in people]})


def _moved(page: Page, target: Meeting, person: Participant | None, preset_id: str | None) -> Values:
    """Send one person's pages to another meeting; those without a page can't be sent."""
    pages = [each for each in page.hub.pages if each.peer and each.participant is person]
    if person is None or not pages:
        return {"meeting_id": target.id, "error": _error("nobody with this id has a page in that meeting")}
    record = _record(page.hub.world, target, person, preset_id)
    told = {"meeting_id": target.id, "auth_token": mint(page.hub.world, record)}
    for each in pages:  # after the answer, which a page that goes would not hear
        page.hub.world.call_later(0, each.say, Room.TRANSFER, messages.TRANSFER, told)
    return moved(record)


def _record(world: World, target: Meeting, person: Participant, preset_id: str | None) -> Participant:
    """Return a person's record in a meeting, which is made when they have none."""
    known = target.by_custom_id.get(person.custom_participant_id)
    if known is None:
        known = participants.admit(world, target, person.custom_participant_id, person.preset, person.name)
        known.picture = person.picture
    known.preset = world.presets.get(preset_id or "", known.preset)
    return known


def _shown(meeting: Meeting) -> Values:
    live = meeting.session.live.values() if meeting.session else ()
    return {"id": meeting.id, "title": meeting.title or "", "participants": _people(peer.participant for peer in live)}


def _people(there: Iterable[Participant]) -> list[Values]:
    """Write people once each, however many tabs they have."""
    return [
        {
            "id": each.id,
            "display_name": each.name or "",
            "custom_participant_id": each.custom_participant_id,
            "preset_id": each.preset.id,
            "display_picture_url": each.picture,
        }
        for each in dict.fromkeys(there)
    ]


def _error(message: str) -> Values:
    """Write an error; the client takes an answer for one when it finds this word in it."""
    return {"message": f"error: {message}", "code": "404"}


def _may(page: Page, right: str) -> bool:
    return bool(page.participant.preset.content["permissions"]["connected_meetings"].get(right))


def _check(page: Page, right: str) -> None:
    if not _may(page, right):
        raise Refusal(403, f"the preset does not allow {right}")


HANDLERS: Handlers = {
    Room.CONNECTED_MEETINGS: _show,
    Room.CREATE_CONNECTED: _create,
    Room.DELETE_CONNECTED: _delete,
    Room.MOVE: _move,
}
