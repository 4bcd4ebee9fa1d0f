"""The pages in web/examples do what docs/browser.md says, against the sandbox instead of RealtimeKit."""

import re
import subprocess
from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext

from tests.browser.site import NPM, Site
from tests.support.processes import ROOT
from tests.support.stack import Stack
from tests.support.waiting import wait_until

SHELL = "<!doctype html><html lang=en><meta charset=utf-8><link rel=icon href=data:,><div id=app></div>"
EXAMPLES = sorted((ROOT / "web/examples").iterdir())


def bundled(text: str) -> str:
    """Build a page's script, with all but our module inside it."""
    command = [str(NPM / ".bin/esbuild"), "--bundle", "--format=esm", "--loader=jsx", "--jsx=automatic", "--minify"]
    done = subprocess.run(command, input=text, cwd=ROOT / "web", check=True, capture_output=True, text=True)
    return done.stdout.replace("</script", "<\\/script")


@pytest.fixture
def adapted(site: Site, stack: Stack) -> Callable[[str], str]:
    """Return what serves an example with the addresses of this machine, and gives its own address."""

    def serve(name: str) -> str:
        text = (ROOT / "web/examples" / name).read_text().replace("https://breakouts.example", stack.url)
        text = re.sub(r"init( =|:) {", rf'init\1 {{ baseURI: "localhost:{stack.sandbox.port}",', text)
        if name.endswith(".jsx"):
            text = f'{SHELL}<script src="/npm/none"></script><script type=module>{bundled(text)}</script>'
        shim = f'<script src="{stack.sandbox.root}/_edge/browser.js"></script>\n<script src="/npm/'
        site.pages[f"/{name}"] = text.replace('<script src="/npm/', shim, 1).encode()
        return f"{site.url}/{name}"

    return serve


@pytest.mark.parametrize("name", [path.name for path in EXAMPLES if path.name != "host.html"])
def test_a_participants_example(
    name: str, stack: Stack, site: Site, context: BrowserContext, adapted: Callable[[str], str]
) -> None:
    meeting = stack.meeting(2)
    main = str(stack.get(f"/v1/meetings/{meeting}")["realtimekit_meeting_id"])
    stack.people(meeting, ["p1"])
    page = context.new_page()
    first = str(wait_until(lambda: stack.seat(meeting, "p0")["auth_token"], what="a token for main"))
    site.backend |= {"/client-token": lambda: stack.token(meeting, "p0"), "/realtimekit-token": lambda: first}
    page.goto(adapted(name))
    wait_until(lambda: stack.sandbox.present(main) == ["p0", "p1"], what="both are there")
    made = stack.breakout(meeting, rooms=["Blue"])
    stack.wait(made["id"], "open", condition=lambda it: it["progress"]["participants"]["joined"] == 2)
    if name != "rtk-meeting.html":
        page.get_by_role("heading", name="Blue").wait_for()
        page.get_by_role("list", name="People here").get_by_text("P1").wait_for()
    else:
        page.locator("rtk-meeting").get_by_text("Blue").first.wait_for()
    stack.post(f"/v1/breakouts/{made['id']}/close", {"countdown_seconds": 0})
    stack.wait(made["id"], "closed", condition=lambda it: it["progress"]["participants"]["returned"] == 2)
    wait_until(lambda: stack.sandbox.present(main) == ["p0", "p1"], what="both are home")


def test_the_hosts_example(stack: Stack, site: Site, context: BrowserContext, adapted: Callable[[str], str]) -> None:
    meeting = stack.meeting(1, hosts=1)
    stack.people(meeting, ["p0"])
    site.backend["/client-token"] = lambda: stack.token(meeting, "h0", scope="host")
    page = context.new_page()
    page.goto(adapted("host.html"))
    rooms = "document.querySelector('rtk-meeting').meeting?.connectedMeetings"
    page.wait_for_function(f"() => {rooms}?.parentMeeting?.participants.length === 2")
    move = f"{rooms}.moveParticipants('parent', id, ['p0'])"
    page.evaluate(f"{rooms}.createMeetings([{{title: 'Blue'}}]).then(([{{id}}]) => {move})")
    page.wait_for_function(f"() => {rooms}.isActive")
    [breakout] = stack.get(f"/v1/meetings/{meeting}/breakouts")["items"]
    opened = stack.wait(breakout["id"], "open", condition=lambda it: it["progress"]["participants"]["joined"] == 1)
    assert (opened["duration_seconds"], opened["record"], opened["rooms"][0]["name"]) == (900, True, "Blue")
