"""The pages in web/examples do what docs/browser.md says, against the sandbox instead of RealtimeKit."""

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext

from tests.browser.site import NPM, Site
from tests.support.processes import ROOT
from tests.support.stack import Stack
from tests.support.waiting import wait_until

SHELL = "<!doctype html><html lang=en><meta charset=utf-8><link rel=icon href=data:,><div id=app></div>"
EXAMPLES = ROOT / "web/examples"
ANGULAR = EXAMPLES / "angular"
NPM_SECONDS = 200
PARTICIPANTS = ["angular", "own-ui.html", "react.jsx", "rtk-meeting.html"]


def bundled(text: str) -> str:
    """Build a page's script, with all but our module inside it."""
    command = [str(NPM / ".bin/esbuild"), "--bundle", "--format=esm", "--loader=jsx", "--jsx=automatic", "--minify"]
    done = subprocess.run(command, input=text, cwd=ROOT / "web", check=True, capture_output=True, text=True)
    return done.stdout


def fetch_angular() -> None:
    """Fetch what the Angular example is built with, once; skip the test where npm or its registry is missing."""
    lock, fetched = ANGULAR / "package-lock.json", ANGULAR / "node_modules/.package-lock.json"
    if fetched.exists() and fetched.stat().st_mtime >= lock.stat().st_mtime:
        return
    npm = shutil.which("npm") or pytest.skip("needs npm")
    try:
        subprocess.run([npm, "ci"], cwd=ANGULAR, check=True, capture_output=True, text=True, timeout=NPM_SECONDS)
    except subprocess.SubprocessError as error:
        pytest.skip(f"npm could not fetch Angular: {getattr(error, 'stderr', '') or error}")


def built_with_angular(folder: Path, adapt: Callable[[str], str]) -> str:
    """Build the Angular example in a copy of it, and return its script."""
    fetch_angular()
    shutil.copytree(ANGULAR, folder, ignore=shutil.ignore_patterns("node_modules", "build", "dist"))
    (folder / "node_modules").symlink_to(ANGULAR / "node_modules")
    shutil.copy(ROOT / "web/src/breakouts.d.ts", folder)
    for path in [*folder.glob("src/*.ts"), folder / "tsconfig.json"]:
        path.write_text(adapt(path.read_text()))
    node = shutil.which("node") or "node"
    done = subprocess.run([node, "build.mjs"], cwd=folder, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return (folder / "dist/main.js").read_text()


def with_script(page: str, script: str) -> str:
    """Put a built script into a page."""
    script = script.replace("</script", "<\\/script")
    return f'{page}<script src="/npm/none"></script><script type=module>{script}</script>'


@pytest.fixture
def adapted(site: Site, stack: Stack, tmp_path: Path) -> Callable[[str], str]:
    """Return what serves an example with the addresses of this machine, and gives its own address."""

    def adapt(text: str) -> str:
        text = text.replace("https://breakouts.example", stack.url)
        return re.sub(r"init( =|:) {", rf'init\1 {{ baseURI: "localhost:{stack.sandbox.port}",', text)

    def serve(name: str) -> str:
        if name == ANGULAR.name:
            page, _, _ = (ANGULAR / "index.html").read_text().partition("<script")
            text = with_script(page, built_with_angular(tmp_path / name, adapt))
        else:
            text = adapt((EXAMPLES / name).read_text())
        if name.endswith(".jsx"):
            text = with_script(SHELL, bundled(text))
        shim = f'<script src="{stack.sandbox.root}/_edge/browser.js"></script>\n<script src="/npm/'
        site.pages[f"/{name}"] = text.replace('<script src="/npm/', shim, 1).encode()
        return f"{site.url}/{name}"

    return serve


def test_every_example_is_run() -> None:
    assert sorted(path.name for path in EXAMPLES.iterdir()) == sorted([*PARTICIPANTS, "host.html"])


@pytest.mark.parametrize("name", PARTICIPANTS)
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
    page.get_by_role("timer").filter(has_text=re.compile("(15:00|14:..) left")).wait_for()
    [breakout] = stack.get(f"/v1/meetings/{meeting}/breakouts")["items"]
    opened = stack.wait(breakout["id"], "open", condition=lambda it: it["progress"]["participants"]["joined"] == 1)
    assert (opened["duration_seconds"], opened["record"], opened["rooms"][0]["name"]) == (900, True, "Blue")
