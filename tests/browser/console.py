"""The host's console in a browser: signing in, and what a test does and sees there."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, Request, Route

from orchestrator.api.assets import assets
from orchestrator.api.console.pages import NEEDED
from tests.support.processes import ROOT
from tests.support.stack import KEY, Stack
from tests.support.waiting import LONG, wait_until

AXE = ROOT / "web/node_modules/axe-core/axe.min.js"
VIEWER_KEY = "test-viewer-key"
IS_BUILT = assets().has(*NEEDED) and AXE.exists()
NOT_BUILT = "needs the console's libraries and axe-core: make web"
QUIET = re.compile(r"status of (401|403|404|409|412|422|503)|ERR_INTERNET_DISCONNECTED")
"""What Chromium itself writes for a refusal that the page asks for and handles."""


@dataclass
class Console:
    """One page of the console, in a browser profile of its own."""

    page: Page
    url: str
    errors: list[str] = field(default_factory=list)
    """What went wrong in the page: errors, breaches of its policy, and requests to other hosts."""

    @classmethod
    def open(cls, browser: Browser, stack: Stack, path: str = "/console", **context: Any) -> Self:
        """Open a page in a new profile."""
        profile = browser.new_context(**({"viewport": {"width": 1280, "height": 860}} | context))
        profile.set_default_timeout(LONG * 1000)
        console = cls(profile.new_page(), stack.url)
        console.page.on("pageerror", lambda error: console.errors.append(str(error)))
        console.page.on("console", console._heard)
        console.page.on("request", console._asked)
        console.page.goto(stack.url + path)
        return console

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not QUIET.search(message.text):
            self.errors.append(message.text)

    def _asked(self, request: Request) -> None:
        if not request.url.startswith((self.url, "data:", "blob:")):
            self.errors.append(f"asked {request.url}")

    def close(self) -> None:
        """Close the profile. Raises AssertionError for errors in the page."""
        self.page.context.close()
        assert not self.errors

    def sign_in(self, key: str = KEY) -> Self:
        """Sign in with a key."""
        self.page.get_by_label("API key").fill(key)
        self.button("Sign in").click()
        self.button("Sign out").wait_for()
        return self

    def button(self, name: str) -> Locator:
        """Return the button with this name."""
        return self.page.get_by_role("button", name=name)

    def room(self, name: str) -> Locator:
        """Return the card of a room."""
        return self.page.get_by_role("group", name=name, exact=True)

    def person(self, room: str, name: str) -> Locator:
        """Return somebody in a room's list."""
        return self.room(room).get_by_role("option", name=re.compile(rf"^{re.escape(name)}\b"))

    def said(self, words: str) -> Locator:
        """Return where the page says these words."""
        heard = self.page.get_by_role("status").or_(self.page.get_by_role("alert"))
        return heard.filter(has_text=words).first

    def set(self, label: str, text: str) -> None:
        """Fill a field that is saved when it is left, and wait for the answer."""
        with self.page.expect_response(lambda answer: answer.request.method == "PATCH"):
            box = self.page.get_by_label(label, exact=True)
            box.fill(text)
            box.press("Enter")

    def slow(self, milliseconds: int) -> None:
        """Let every answer of the network take so much longer; 0 ends it."""
        network = self.page.context.new_cdp_session(self.page)
        network.send("Network.enable")
        endless = {"downloadThroughput": -1, "uploadThroughput": -1}
        network.send("Network.emulateNetworkConditions", {"offline": False, "latency": milliseconds, **endless})

    def refuse(self, path: str) -> Callable[[], None]:
        """Let a server over its head refuse what is read at this pattern of paths, until the function is called."""
        busy = {"code": "overloaded", "detail": "the server is over its head"}

        def answer(route: Route) -> None:
            if route.request.method == "GET":
                route.fulfill(status=503, content_type="application/problem+json", json=busy)
            else:
                route.continue_()

        self.page.route(path, answer)
        return lambda: self.page.unroute(path)

    def hold_first(self, path: str) -> Callable[[], Route]:
        """Let the next request at this pattern of paths wait. The function returns it once it is there."""
        held: list[Route] = []

        def answer(route: Route) -> None:
            route.fallback() if held else held.append(route)

        def first() -> Route:
            wait_until(lambda: (self.page.evaluate("1"), held)[1], what=f"a request at {path}")
            return held[0]

        self.page.route(path, answer)
        return first

    def end_session(self, stack: Stack, press: Callable[[], object]) -> None:
        """End the session so that this press is the first to learn of it: what the page reads meanwhile waits."""
        held: list[Route] = []
        is_known = False

        def answer(route: Route) -> None:
            held.append(route) if route.request.method == "GET" and not is_known else route.fallback()

        self.page.route("**/v1/**", answer)
        stack.execute("DELETE FROM console_session")
        press()
        self.page.get_by_text("Your session has ended").wait_for()
        is_known = True
        for route in held:
            route.continue_()
        self.page.unroute("**/v1/**", answer)

    def asks_about_another(self) -> bool:
        """Return whether the page says that somebody else was faster."""
        return self.page.get_by_text("Somebody else has changed this meanwhile").count() > 0

    def serious(self) -> list[str]:
        """Let axe look at the page, and return what it finds serious."""
        return serious(self.page)


Open = Callable[..., Console]
"""What opens consoles in a test."""


def serious(page: Page) -> list[str]:
    """Let axe look at any page, and return what it finds serious."""
    page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{one['id']}: {one['help']} ({one['nodes'][0]['html'][:120]})"
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
    ]
