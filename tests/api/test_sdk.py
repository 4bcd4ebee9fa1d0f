"""The module for participants' pages, as the server sends it."""

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
WEB = ROOT / "web"
PACKAGE = json.loads((WEB / "package.json").read_text())
MAX_ZIPPED_BYTES = 8000


def test_the_module_is_small_and_imports_nothing(api: Api) -> None:
    answer = api.stranger.get(MODULE)
    assert answer.headers["content-type"].startswith("text/javascript")
    assert len(gzip.compress(answer.content)) <= MAX_ZIPPED_BYTES
    assert not re.search(r"\bimport\b", answer.text)
    assert re.search(r"export\{\w+ as connectBreakouts\}|export .*function connectBreakouts", answer.text)


def test_the_versioned_name_is_for_ever_and_the_current_one_for_a_while(api: Api) -> None:
    current = api.stranger.get(MODULE)
    versioned = f"/sdk/v1/breakouts-{PACKAGE['version']}.js"
    assert current.headers["content-location"] == versioned
    assert current.headers["cache-control"] == "public, max-age=300"
    same = api.stranger.get(versioned)
    assert same.content == current.content
    assert same.headers["cache-control"] == "public, max-age=31536000, immutable"
    again = api.stranger.get(MODULE, headers={"If-None-Match": current.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert api.stranger.get("/sdk/v1/breakouts-9.9.9.js").status_code == 404


def test_pages_of_every_origin_may_read_all_of_it(api: Api) -> None:
    for path, status in ((MODULE, 200), (TYPES, 200), ("/sdk/v1/nothing.js", 404)):
        answer = api.stranger.get(path, headers={"Origin": "https://elsewhere.example", "Authorization": "Bearer x"})
        assert answer.status_code == status
        assert answer.headers["access-control-allow-origin"] == "*"
        assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    head = api.stranger.head(MODULE)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["access-control-allow-origin"] == "*"
    refused = api.stranger.post(MODULE)
    assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD, OPTIONS")
    assert api.stranger.options(MODULE).headers["allow"] == "GET, HEAD, OPTIONS"


def test_it_is_built_from_the_source_that_is_there() -> None:
    built = (ROOT / "orchestrator/api/static/sdk/breakouts.js").read_text().splitlines()[0]
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sorted((WEB / "src").iterdir())))
    assert digest.hexdigest() in built, "run `npm run build` in web/"
    types = (ROOT / "orchestrator/api/static/sdk/breakouts.d.ts").read_bytes()
    assert types == (WEB / "src/breakouts.d.ts").read_bytes()


@pytest.mark.skipif(not (WEB / "node_modules/esbuild").exists(), reason="needs `npm ci` in web/")
def test_building_again_gives_the_same_bytes(tmp_path: Path) -> None:
    subprocess.run([shutil.which("node") or "node", "build.mjs", str(tmp_path)], cwd=WEB, check=True)
    assert (tmp_path / "breakouts.js").read_bytes() == (ROOT / "orchestrator/api/static/sdk/breakouts.js").read_bytes()


USE = """
import { connectBreakouts, type ConnectOptions, type HostOptions, type Session, type Seat } from "./breakouts.js";
import type { SessionEvents } from "./breakouts.js";
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
export { seat };
"""


@pytest.mark.skipif(not (WEB / "node_modules/typescript").exists(), reason="needs `npm ci` in web/")
def test_the_types_compile_without_the_clients(tmp_path: Path) -> None:
    shutil.copy(ROOT / "orchestrator/api/static/sdk/breakouts.d.ts", tmp_path)
    (tmp_path / "use.ts").write_text(USE)
    compile_ = [str(WEB / "node_modules/.bin/tsc"), "--strict", "--noEmit", "--module", "esnext", "--target", "es2022"]
    done = subprocess.run([*compile_, "use.ts"], cwd=tmp_path, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
