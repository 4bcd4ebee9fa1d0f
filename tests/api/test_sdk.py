"""The modules for people's pages, as the server sends them."""

import gzip
import hashlib
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.api.server import Api
from tests.support.processes import ROOT

MODULE, TYPES = "/sdk/v1/breakouts.js", "/sdk/v1/breakouts.d.ts"
WEB, BUILT = ROOT / "web", ROOT / "orchestrator/api/static/sdk"
PACKAGE = json.loads((WEB / "package.json").read_text())
STATUS, STATUS_TYPES = "/sdk/v1/breakouts-status.js", "/sdk/v1/breakouts-status.d.ts"
MAX_ZIPPED_BYTES = {MODULE: 8000, STATUS: 3000}


@pytest.mark.parametrize(("path", "name"), [(MODULE, "connectBreakouts"), (STATUS, "BreakoutsStatus")])
def test_a_module_is_small_and_imports_nothing(api: Api, path: str, name: str) -> None:
    answer = api.stranger.get(path)
    assert answer.headers["content-type"].startswith("text/javascript")
    assert len(gzip.compress(answer.content)) <= MAX_ZIPPED_BYTES[path]
    assert not re.search(r"\bimport\b", answer.text)
    assert re.search(rf"export\{{(\w+ as \w+,)*\w+ as {name}[,}}]|export .*(function|class) {name}", answer.text)


@pytest.mark.parametrize("path", [MODULE, STATUS])
def test_the_versioned_name_is_for_ever_and_the_current_one_for_a_while(api: Api, path: str) -> None:
    current = api.stranger.get(path)
    versioned = f"{path.removesuffix('.js')}-{PACKAGE['version']}.js"
    assert current.headers["content-location"] == versioned
    assert current.headers["cache-control"] == "public, max-age=300"
    same = api.stranger.get(versioned)
    assert same.content == current.content
    assert same.headers["cache-control"] == "public, max-age=31536000, immutable"
    again = api.stranger.get(path, headers={"If-None-Match": current.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert api.stranger.get("/sdk/v1/breakouts-9.9.9.js").status_code == 404


def test_pages_of_every_origin_may_read_all_of_it(api: Api) -> None:
    for path, status in ((MODULE, 200), (TYPES, 200), (STATUS, 200), (STATUS_TYPES, 200), ("/sdk/v1/nothing.js", 404)):
        answer = api.stranger.get(path, headers={"Origin": "https://elsewhere.example", "Authorization": "Bearer x"})
        assert answer.status_code == status
        assert answer.headers["access-control-allow-origin"] == "*"
        assert answer.headers["content-type"].startswith("application/typescript") == path.endswith(".d.ts")
        assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    head = api.stranger.head(MODULE)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["access-control-allow-origin"] == "*"
    refused = api.stranger.post(MODULE)
    assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD, OPTIONS")
    assert api.stranger.options(MODULE).headers["allow"] == "GET, HEAD, OPTIONS"


def test_it_is_built_from_the_source_that_is_there() -> None:
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sorted((WEB / "src").iterdir())))
    for name in ("breakouts", "breakouts-status"):
        built = (BUILT / f"{name}.js").read_text().splitlines()[0]
        assert digest.hexdigest() in built, "run `npm run build` in web/"
        assert (BUILT / f"{name}.d.ts").read_bytes() == (WEB / f"src/{name}.d.ts").read_bytes()


@pytest.mark.skipif(not (WEB / "node_modules/esbuild").exists(), reason="needs `npm ci` in web/")
def test_building_again_gives_the_same_bytes(tmp_path: Path) -> None:
    subprocess.run([shutil.which("node") or "node", "build.mjs", str(tmp_path)], cwd=WEB, check=True)
    for path in BUILT.iterdir():
        assert (tmp_path / path.name).read_bytes() == path.read_bytes()


USE = """
import { connectBreakouts, type ConnectOptions, type HostOptions, type Session, type Seat } from "./breakouts.js";
import type { SessionEvents } from "./breakouts.js";
import { TEXTS, type BreakoutsStatus } from "./breakouts-status.js";
class Client { static async init(o: { authToken: string }): Promise<Client> { return new Client(); } own = 1; }
const host: HostOptions = { duration_seconds: 60, record: true };
const options: ConnectOptions<Client> =
  { baseUrl: "/", getClientToken: async () => "t", RealtimeKitClient: Client, meeting: null, host };
const session: Session<Client> = await connectBreakouts(options);
const said: SessionEvents<Client>["closing"] = [{ countdown_seconds: 1 }];
session.on("meetingChanged", (client) => client.own + said.length).off("seat", () => {});
const seat: Seat = await session.chooseRoom(null);
// @ts-expect-error
session.on("nothing", () => {});
const status: BreakoutsStatus = document.createElement("breakouts-status");
status.session = session;
status.texts = { open: "noch {time}", said: { warning: TEXTS.said.warning } };
const lost = session.breakout?.progress.participants.lost;
export { seat, lost };
"""


@pytest.mark.skipif(not (WEB / "node_modules/typescript").exists(), reason="needs `npm ci` in web/")
def test_the_types_compile_without_the_clients(tmp_path: Path) -> None:
    for types in BUILT.glob("*.d.ts"):
        shutil.copy(types, tmp_path)
    (tmp_path / "use.ts").write_text(USE)
    compile_ = [str(WEB / "node_modules/.bin/tsc"), "--strict", "--noEmit", "--module", "esnext", "--target", "es2022"]
    done = subprocess.run([*compile_, "use.ts"], cwd=tmp_path, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
