"""A Chromium, an app's web server, and a running system, shared by all tests here; each uses a meeting of its own."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from playwright.sync_api import Browser, BrowserContext, sync_playwright

from tests.browser.console import Console, Open
from tests.browser.site import NPM, Site
from tests.browser.tab import Tab
from tests.support.databases import SQLiteTemplate
from tests.support.processes import processes_in
from tests.support.stack import Stack, stack_in
from tests.support.valkey import valkey_in
from tests.support.waiting import LONG

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
CLIENT = NPM / "@cloudflare/realtimekit/dist/browser.js"
ARGUMENTS = [
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking",
    "--disable-component-update --disable-sync --use-fake-ui-for-media-stream --use-fake-device-for-media-stream",
    "--disable-features=WebRtcHideLocalIpsWithMdns,AudioServiceOutOfProcess --allow-loopback-in-peer-connection",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep all of these in one process of xdist, and skip them, loudly, where a part is missing."""
    missing = [
        *(["Chromium (apt-get install chromium)"] if CHROMIUM is None else []),
        *([] if CLIENT.exists() else ["RealtimeKit's client (npm ci in web/)"]),
    ]
    for item in items:
        if "tests/browser/" in item.path.as_posix():
            item.add_marker(pytest.mark.xdist_group("browser"))
            item.add_marker(pytest.mark.long)
            if missing:
                item.add_marker(pytest.mark.skip(reason=f"needs {' and '.join(missing)}"))


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """Start a Chromium with a camera and a microphone that are none.

    It ends with these tests, because Playwright's loop runs in this thread until then, and others run theirs here.
    """
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=" ".join(ARGUMENTS).split())
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def site() -> Iterator[Site]:
    """Serve an app's pages."""
    with Site() as running:
        yield running


@pytest.fixture(scope="package")
def running(site: Site, sqlite_template: SQLiteTemplate, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Run the whole system; the app's pages may call it."""
    folder = tmp_path_factory.mktemp("browser")
    url = sqlite_template.copy_to(folder / "breakouts.db")
    with (
        processes_in(folder) as processes,
        valkey_in(folder / "valkey") as broker,
        stack_in(
            processes,
            database_url=url,
            broker_url=broker.url,
            home=folder / "home",
            settings={"CORS_ORIGINS": site.url},
        ) as stack,
    ):
        stack.start()
        yield stack


@pytest.fixture
def stack(running: Stack) -> Iterator[Stack]:
    """Return the running system, with a working sandbox and no open browser."""
    yield running
    running.crowds.leave()
    running.sandbox.faults()


@pytest.fixture
def open_browser(chromium: Browser, site: Site, stack: Stack) -> Iterator[Callable[[], Tab]]:
    """Return what opens a tab in a browser profile of its own, as another person does."""
    with ExitStack() as profiles:

        def open_one() -> Tab:
            profile = chromium.new_context()
            profiles.callback(profile.close)
            profile.set_default_timeout(LONG * 1000)
            return Tab(profile, site, stack)

        yield open_one


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    """Make a browser profile of the test's own."""
    made = chromium.new_context()
    made.set_default_timeout(LONG * 1000)
    yield made
    made.close()


@pytest.fixture
def open_tab(context: BrowserContext, site: Site, stack: Stack) -> Callable[..., Tab]:
    """Return what opens a tab; all of a test are in one browser profile."""
    return lambda kind=Tab, path="/": kind(context, site, stack, path)


@pytest.fixture
def open_console(chromium: Browser, stack: Stack) -> Iterator[Open]:
    """Return what opens consoles; all are closed at the end, and had no errors."""
    opened: list[Console] = []

    def open_one(path: str = "/console", **context: object) -> Console:
        opened.append(Console.open(chromium, stack, path, **context))
        return opened[-1]

    yield open_one
    for console in opened:
        console.close()
