"""All pages of the sandbox: what happens in the world is told to those whom it concerns."""

from collections import defaultdict
from collections.abc import Iterator

from orchestrator.sandbox.edge import breakout_messages, breakouts, media_messages, messages, room
from orchestrator.sandbox.edge.breakouts import Family
from orchestrator.sandbox.edge.events import Media, Polls, Room
from orchestrator.sandbox.edge.media import participant
from orchestrator.sandbox.edge.page import Page
from orchestrator.sandbox.edge.protobuf import Message, Values
from orchestrator.sandbox.edge.sdp import PeerConnection
from orchestrator.sandbox.edge.stun import Responder
from orchestrator.sandbox.edge.talk import Talk
from orchestrator.sandbox.rest.faults import Faults
from orchestrator.sandbox.world import live
from orchestrator.sandbox.world.state import Meeting, Peer, Recording, Session, World, new_id, now
from orchestrator.sandbox.world.values import Refusal

ADDRESS = "127.0.0.1"
OPERATIONS = ("edge_details", "edge_socket", "edge_join", "edge_ice")
"""What faults strike here besides REST: a page asks who it is, connects, joins, and looks for a way for its media.

`edge_details` fails as a call of REST. A struck `edge_socket` is refused. `edge_join` is refused, gets no answer, or
its connection is cut. A struck `edge_ice` is never answered.
"""


class Hub:
    """Knows the pages of each session. It is the world's witness."""

    def __init__(self, world: World, faults: Faults) -> None:
        self.world, self.faults, self.responder = world, faults, Responder(lambda: self.is_down)
        self.clear()

    def clear(self) -> None:
        """Cut all pages off, and forget all that was said."""
        for page in getattr(self, "pages", ()):
            page.cut()
        self.pages: set[Page] = set()
        self._lost: dict[str, Page] = {}
        self._cut_until: dict[str, float] = defaultdict(float)
        self._down_until = 0.0
        self._talks: dict[str, Talk] = {}
        self._families: dict[str, Family] = {}

    # what pages do

    def enter(self, page: Page) -> Peer:
        """Let a page into its meeting, or back to where it was before its connection was lost."""
        before = [other for other in self.pages if other.own_id == page.own_id and other is not page]
        for other in [*before, *filter(None, [self._lost.pop(page.own_id, None)])]:
            self.pages.discard(other)
            self._inherit(page, other)
        return page.peer or live.join(self.world, page.participant, page.own_id)

    def _inherit(self, page: Page, lost: Page) -> None:
        """Give a page what it had before; what it sends it will say anew."""
        page.peer, lost.peer = lost.peer or page.peer, None
        page.connections, lost.connections = lost.connections | page.connections, {}
        for producer in page.peer.producers.values() if page.peer else ():
            told = {"participant_id": page.own_id, "producer_state": producer}
            for other in self.others(page):
                self._say_media(other, Media.PRODUCER_CLOSED, media_messages.PRODUCER_CLOSED, told)
        if page.peer:
            page.peer.producers.clear()

    def connect(self, page: Page) -> tuple[str, PeerConnection]:
        """Make the other side of a page's peer connection; a fault makes it deaf."""
        name, password = self.responder.expect()
        if self.faults.pick("edge_ice", lambda: self.match_text(page)):
            self.responder.forget(name)
        return new_id(), PeerConnection(ADDRESS, self.responder.port, name, password)

    def gone(self, page: Page, *, said_so: bool) -> None:
        """Take out a page whose connection has ended; one that has not said so may come back for a while."""
        if said_so or page.peer is None:
            self._drop(page)
            page.forget_media()
        else:
            self.world.call_later(self.world.config.timings.page_lost_after, self._lose, page)

    def _drop(self, page: Page) -> None:
        self.pages.discard(page)
        page.leave()

    def _lose(self, page: Page) -> None:
        """Take out a page that has not come back; its media wait for it longer, as their server is another one."""
        if page in self.pages:
            self._drop(page)
            self._lost[page.own_id] = page
            self.world.call_later(self.world.config.timings.media_lost_after, self._forget, page)

    def _forget(self, page: Page) -> None:
        if self._lost.get(page.own_id) is page:
            del self._lost[page.own_id]
            page.forget_media()

    def others(self, page: Page) -> Iterator[Page]:
        """Yield the other pages of its session."""
        return (other for other in self.pages if other is not page and other.session and other.session is page.session)

    def talk(self, session: Session) -> Talk:
        """Return what was written in a session."""
        return self._talks.setdefault(session.id, Talk())

    def family(self, meeting: Meeting) -> Family:
        """Return a meeting with those that hosts have made beside it, or beside which it was made."""
        return self._families.get(meeting.id) or Family(meeting)

    def adopt(self, family: Family, child: Meeting) -> None:
        """Add a meeting to a family."""
        family.children[child.id] = child
        self._families |= {child.id: family, family.parent.id: family}

    def pages_of(self, family: Family) -> list[Page]:
        """Return the pages that are in any meeting of a family."""
        return [page for page in self.pages if page.session and self._families.get(page.session.meeting.id) is family]

    def match_text(self, page: Page) -> str:
        """Return the text in which a fault looks for its `match`."""
        meeting = page.participant.meeting
        return f"{page.participant.custom_participant_id}\n{page.own_id}\n{meeting.id}\n{meeting.title}"

    # what tests do to pages

    def cut(self, custom_participant_id: str, seconds: float) -> int:
        """Cut the connections of a person's pages, and let none come again for so long; return how many were cut."""
        cut = [page for page in self.pages if page.participant.custom_participant_id == custom_participant_id]
        self._cut_until[custom_participant_id] = now() + seconds
        for page in cut:
            page.cut()
        return len(cut)

    def is_cut_off(self, custom_participant_id: str) -> bool:
        """Whether this person's pages can't connect now."""
        return now() < self._cut_until[custom_participant_id]

    def fail(self, seconds: float) -> int:
        """Be gone for so long, for everybody; return how many pages were cut off."""
        self._down_until = now() + seconds
        for page in self.pages:
            page.cut()
        return len(self.pages)

    @property
    def is_down(self) -> bool:
        """Whether nobody reaches it now."""
        return now() < self._down_until

    def transfer(self, peer_id: str, auth_token: str, meeting_id: str) -> None:
        """Tell a page to go to another meeting, as RealtimeKit's own breakouts do; 404 when no such page is there."""
        for page in self.pages:
            if page.peer and peer_id in {page.peer.id, page.peer.shown_id}:
                page.say(
                    Room.TRANSFER, breakout_messages.TRANSFER, {"meeting_id": meeting_id, "auth_token": auth_token}
                )
                return
        raise Refusal(404, "no page has joined under this peer id")

    # what the world tells

    def joined(self, peer: Peer) -> None:
        """Hear that somebody has joined."""
        for page in self._in_session(peer):
            page.say(Room.JOIN, messages.PEER_INFO, {"peer": room.show(peer)})
            self._say_media(page, Media.PEER_JOINED, media_messages.PEER_JOINED, {"participant": participant(peer)})
        family = self.family(peer.session.meeting)
        for page in self.pages_of(family) if family.children else ():
            page.say(Room.MOVED, breakout_messages.MOVED_ONE, breakouts.moved(peer.participant))

    def left(self, peer: Peer, because: str) -> None:
        """Hear that somebody has left, or was put out."""
        for page in list(self._in_session(peer)):
            page.say(Room.LEAVE, messages.LEAVE, {"peer": room.show(peer)})
            self._say_media(page, Media.PEER_LEFT, media_messages.PEER_LEFT, {"participant_id": peer.shown_id})
        for page in [page for page in self.pages if page.peer is peer]:
            page.peer = None
            page.say(Room.KICK_ALL if because == "ended" else Room.KICK, messages.PEER_INFO, {})

    def recorded(self, recording: Recording) -> None:
        """Hear that a recording has another status."""
        told = room.recording_event(recording)
        for page in self.pages if told else ():
            if told and page.session and page.session.meeting is recording.meeting:
                page.say(told[0], messages.RECORDING, told[1])

    def polled(self, session: Session, poll: Values) -> None:
        """Hear that a poll was made over REST."""
        shown = {"poll_id": poll["id"], "created_by": "", "created_by_user_id": poll["created_by"]}
        shown |= {name: poll[name] for name in ("question", "hide_votes", "anonymous")}
        shown["options"] = [{"text": option["text"], "count": 0} for option in poll["options"]]
        self.talk(session).polls[poll["id"]] = shown
        for page in self.pages:
            if page.session is session:
                page.say(Polls.CREATE, messages.POLL_UPDATE, {"poll": shown})

    def _in_session(self, peer: Peer) -> Iterator[Page]:
        return (page for page in self.pages if page.session is peer.session and page.peer is not peer)

    def _say_media(self, page: Page, event: Media, message: Message, values: Values) -> None:
        if page.hears_media:
            page.say(event, message, values)
