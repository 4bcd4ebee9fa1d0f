"""One tab with RealtimeKit's client and our module, and what happens in it."""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Error, Page

from tests.browser.site import Site
from tests.support.stack import Stack
from tests.support.waiting import LONG, wait_until

JSON = dict[str, Any]
EVENTS = ["changingMeeting", "meetingChanged", "seat", "warning", "broadcast", "closing", "closed", "left", "error"]
OURS = re.compile(r"127\.0\.0\.1|([\w-]+\.)?localhost")
"""The hosts that a page may ask for anything."""
THEIRS = (
    "getBoundingClientRect",  # the UI kit, when one of its dialogs closes
    "ERR_NAME_NOT_RESOLVED",  # the UI kit's font
    "sendPingStatsEvent",  # the client's figures about a connection that is closed
)
"""What RealtimeKit's client and UI kit themselves complain about."""
CONNECT = """async ({options, getToken, withMeeting, init, events, ui}) => {
    window.events = []; window.asked = 0;
    if (withMeeting) {
        window.first = await RealtimeKitClient.init({...init, authToken: withMeeting});
        const native = first.connectedMeetings;
        for (const name of ["changingMeeting", "meetingChanged"])
            native.on(name, (it) => window.events.push(["native " + name, it.meta?.meetingId ?? it]));
        if (window.joinFirst) await first.join();
    }
    if (options.host) options.host.BreakoutRoomsManager = window.BreakoutRoomsManager;
    const getClientToken = getToken && (async () => { window.asked += 1; return getToken; });
    window.session = await connectBreakouts({
        ...options, ...(getToken && {getClientToken}), init, RealtimeKitClient, meeting: window.first ?? null,
        rtkMeeting: ui && document.querySelector(ui),
    });
    for (const name of events) session.on(name, (it) => window.events.push([name,
        name === "meetingChanged" ? it.meta.meetingId : name === "error" ? {code: it.code, message: it.message} : it]));
    return session.seat;
}"""
STATE = """() => { const it = window.session?.meeting; return it && {
    meeting: it.meta.meetingId, joined: it.self.roomJoined, audio: it.self.audioEnabled, video: it.self.videoEnabled,
    camera: it.self.videoTrack?.id ?? null, live: it.self.videoTrack?.readyState ?? null, title: it.meta.meetingTitle,
    others: it.participants.joined.toArray().map((p) => p.customParticipantId).sort() } }"""


class Tab:
    """A page; `complaints` is what the browser says went wrong in it, and `hosts` whom it has asked for anything."""

    def __init__(self, context: BrowserContext, site: Site, stack: Stack, path: str = "/") -> None:
        self._stack, self._base = stack, f"localhost:{stack.sandbox.port}"
        self.page: Page = context.new_page()
        self.complaints: list[str] = []
        self.hosts: set[str | None] = set()
        self.page.on("request", lambda request: self.hosts.add(urlsplit(request.url).hostname))
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.open(f"{site.url}{path}")

    def open(self, url: str) -> None:
        """Load a page of the app, with the client and our module."""
        self.page.goto(url)
        self.page.add_script_tag(url=f"{self._stack.sandbox.root}/_edge/browser.js")
        self.page.add_script_tag(url="/npm/@cloudflare/realtimekit/dist/browser.js")
        module = f'import {{ connectBreakouts }} from "{self._stack.url}/sdk/v1/breakouts.js";'
        self.page.add_script_tag(content=f"{module} window.connectBreakouts = connectBreakouts", type="module")
        self.page.wait_for_function("() => window.connectBreakouts && window.RealtimeKitClient")

    def connect(
        self,
        token: str | None,
        *,
        renewed: str | None = None,
        meeting: str | None = None,
        join: bool = True,
        audio: bool = False,
        video: bool = False,
        host: Any = False,
        ui: str | None = None,
    ) -> JSON:
        """Follow a seat. `meeting` is RealtimeKit's token with which the page itself makes the first client.

        `ui` selects the element that is given each client.
        """
        init = {"baseURI": self._base, "defaults": {"audio": audio, "video": video}}
        options = {"baseUrl": self._stack.url, "host": host, **({"clientToken": token} if token else {})}
        self.page.evaluate(f"window.joinFirst = {str(join).lower()}")
        asked = {
            "options": options,
            "getToken": renewed,
            "withMeeting": meeting,
            "init": init,
            "events": EVENTS,
            "ui": ui,
        }
        found: JSON = self.page.evaluate(CONNECT, asked)
        return found

    @property
    def state(self) -> JSON:
        """Where the page is, and what of it is on."""
        found: JSON = self.page.evaluate(STATE) or {}
        return found

    @property
    def meeting(self) -> str | None:
        """The RealtimeKit meeting that it has joined; None while it is nowhere."""
        state = self.state
        return state["meeting"] if state.get("joined") else None

    def events(self, name: str) -> list[Any]:
        """Return what was said in the events of a name so far."""
        return [said for event, said in self.page.evaluate("window.events") if event == name]

    def names(self) -> list[str]:
        """Return the names of all events so far, but those that may come at any time."""
        return [event for event, _ in self.page.evaluate("window.events") if event not in {"seat", "error"}]

    def arrives(self, meeting: str, within: float = LONG) -> JSON:
        """Wait until it is in a meeting, and return its state."""
        return self.shows(lambda state: state.get("joined") and state["meeting"] == meeting, within)

    def shows(self, condition: Callable[[JSON], Any], within: float = LONG) -> JSON:
        """Wait until its state is as it should be, and return it."""

        def look() -> JSON | None:
            state = self.state
            assert condition(state), f"{state}, errors {self.events('error')}, complaints {self.complaints}"
            return state

        return wait_until(look, within, every=0.05, what="the page") or {}

    def ours(self) -> list[str]:
        """Return the complaints that are not RealtimeKit's own."""
        return [said for said in self.complaints if not any(theirs in said for theirs in THEIRS)]

    def strangers(self) -> set[str]:
        """Return the hosts on other machines that it has asked for anything."""
        return {host for host in filter(None, self.hosts) if not OURS.fullmatch(host)}

    def close(self) -> None:
        """Close the tab, as a person does."""
        try:
            self.page.close()
        except Error:
            return

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.complaints.append(message.text)


def main_of(stack: Stack, meeting: str) -> str:
    """Return RealtimeKit's meeting that is main."""
    return str(stack.get(f"/v1/meetings/{meeting}")["realtimekit_meeting_id"])
