"""Commands of the pages that can't run beside the others are run elsewhere, or checked as far as that is possible."""

import inspect
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from getpass import getuser
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx
import pytest
from ruamel.yaml import YAML

from orchestrator.api.limits import MAX_BODY_BYTES
from orchestrator.runtime.ports import LOOPBACK, free_port
from tests.api.conftest import parts
from tests.api.described import operations
from tests.api.server import OPERATOR, Api, bearer
from tests.docs import names, test_commands
from tests.docs.pages import DEPLOYED, NEEDS_DOCKER, STAYS_UP, TAKES_MINUTES, lines_to_run, pages
from tests.docs.terminal import NEVER_ENDS
from tests.runtime import test_demo, test_up
from tests.support import compose
from tests.support.processes import ROOT, Processes, clean_environment
from tests.support.sandbox_server import SandboxServer

WHERE_IT_STAYS_UP: dict[str, Callable[..., Any]] = {
    "breakouts up --sandbox": test_commands.up,
    "breakouts up": test_up.test_a_killed_up_leaves_nobody_behind_and_the_next_one_takes_over_with_what_is_set,
    "breakouts demo --keep": test_demo.test_the_demo_brings_everyone_home_and_when_kept_stays_up_until_ctrl_c,
}
MAKE, SET = re.compile(r"make [a-z-]+( [A-Z_]+=\S+)*"), re.compile(r"([A-Z_]+)=")
MODULE = re.compile(r"python -m ([\w.]+)")
LOCATION = re.compile(r"^location (?:= )?(/\S*) {", re.MULTILINE)
START_SECONDS = 600
"""For images that have to be built first."""


def test_processes_of_a_deployment_are_those_that_compose_starts() -> None:
    """tests/deploy/test_running.py starts each of them, and asks its health check."""
    started = [service["command"] for service in compose.services().values() if service.get("build")]
    started += [it["healthcheck"]["test"][1:] for it in compose.services().values() if "healthcheck" in it]
    for line in filter(NEVER_ENDS.match, lines_to_run(DEPLOYED)):
        words = line.split()[:3] if line.startswith("python") else line.split()
        assert any(command[: len(words)] == words for command in started), line


def test_systems_that_stay_up_are_run_by_tests_of_their_own() -> None:
    assert set(lines_to_run(STAYS_UP)) == set(WHERE_IT_STAYS_UP)
    for line, test in WHERE_IT_STAYS_UP.items():
        source = inspect.getsource(inspect.unwrap(getattr(test, "__wrapped__", test)))
        assert all(f'"{word}"' in source for word in line.split()[1:]), line


def test_what_takes_minutes_is_make_and_starts_what_there_is() -> None:
    """Continuous integration runs the first three of CONTRIBUTING.md; the others would take too long here."""
    lines = lines_to_run(TAKES_MINUTES)
    assert all(MAKE.fullmatch(line) for line in lines), lines
    assert {name for line in lines for name in SET.findall(line)} <= names.make_variables()
    for line in {*lines, "make setup"}:
        target, *variables = line.split()[1:]
        told = _make("--dry-run", target, *variables)
        assert target == "setup" or MODULE.search(told), told
        assert not [name for name in MODULE.findall(told) if find_spec(name) is None], told


def test_make_says_what_there_is() -> None:
    assert names.make_targets() == set(re.findall(r"^ +make ([\w-]+)", _make("help"), re.MULTILINE))


def _make(*arguments: str) -> str:
    done = subprocess.run(["make", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_lines_between_those_of_docker_do_what_they_should(tmp_path: Path) -> None:
    shutil.copy(ROOT / ".env.example", tmp_path)
    others = "\n".join(line for line in lines_to_run(NEEDS_DOCKER) if not line.startswith("docker "))
    done = subprocess.run(["bash", "-euc", others], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / ".env").read_text() == (ROOT / ".env.example").read_text()
    assert len(done.stdout.split()[0]) == 64


def _has_docker() -> bool:
    asked = (["docker", "compose", "version"], ["docker", "info"])
    return shutil.which("docker") is not None and not any(
        subprocess.run(words, capture_output=True, check=False).returncode for words in asked
    )


@pytest.fixture
def project(tmp_path: Path) -> Iterator[tuple[Path, dict[str, str]]]:
    """Copy what Docker needs, fill in `.env`, and return the environment of its commands; clean up in the end."""
    for name in (*re.findall(r"^!(.+?)/?$", (ROOT / ".dockerignore").read_text(), re.MULTILINE), ".dockerignore"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / name)
    for name in ("compose.yaml", "Dockerfile", ".env.example"):
        shutil.copy(ROOT / name, tmp_path)
    port = free_port()
    filled = {
        **dict.fromkeys(compose.example(), "x" * 32),
        "API_KEYS": f"ops:operator:{OPERATOR}",
        "FLOWER_BASIC_AUTH": "flower:password",
        "REALTIMEKIT_BASE_URL": f"http://{LOOPBACK}:1",
        "PUBLISH_API": f"{LOOPBACK}:{port}-{port + 3}",
        "PUBLISH_FLOWER": f"{LOOPBACK}:{free_port()}",
        "COMPOSE_PROJECT_NAME": f"breakouts-docs-{port}",
    }
    env = {**clean_environment(), **filled}
    yield tmp_path, env
    subprocess.run(["docker", "compose", "down", "--volumes", "--rmi", "local"], cwd=tmp_path, env=env, check=False)


@pytest.mark.timeout(START_SECONDS)
@pytest.mark.skipif(not _has_docker(), reason="needs Docker Compose, and an engine that runs")
def test_docker_brings_everything_up_and_scales_it(project: tuple[Path, dict[str, str]]) -> None:
    """RealtimeKit is missing, and the two commands that call it complain about that."""
    folder, env = project
    for line in lines_to_run(NEEDS_DOCKER):
        done = subprocess.run(["bash", "-euc", line], cwd=folder, env=env, capture_output=True, text=True, check=False)
        said = done.stdout + done.stderr
        if line.endswith(("webhooks ensure", "doctor")):
            assert "RealtimeKit" in said or "PUBLIC_URL" in said, said
        else:
            assert done.returncode == 0, (line, said)
        if line.endswith("doctor"):
            assert {"database", "broker", "workers", "timekeeper"} <= set(re.findall(r"^ok +(\w+)", said, re.MULTILINE))
    answer = httpx.get(f"http://{env['PUBLISH_API'].partition('-')[0]}/v1/meetings", headers=bearer(OPERATOR))
    assert answer.status_code == 200


@pytest.fixture
def api(sqlite_url: str, broker_url: str, tmp_path: Path) -> Iterator[Api]:
    """Start what stands behind the proxy."""
    with (
        SandboxServer() as sandbox,
        parts(sandbox, tmp_path / "home", database_url=sqlite_url, broker_url=broker_url) as deps,
        Api(deps) as running,
    ):
        yield running


def alerts() -> str:
    """Return the rules for Prometheus."""
    return next(block.text for page in pages() for block in page.blocks if block.language == "yaml")


def test_the_alerts_are_rules() -> None:
    rules = [rule for group in YAML(typ="safe").load(alerts())["groups"] for rule in group["rules"]]
    assert rules
    assert all({"alert", "expr"} <= rule.keys() <= {"alert", "expr", "for"} for rule in rules)


@pytest.mark.skipif(shutil.which("promtool") is None, reason="needs promtool")
def test_prometheus_takes_the_alerts(tmp_path: Path) -> None:
    (tmp_path / "alerts.yaml").write_text(alerts())
    subprocess.run(["promtool", "check", "rules", str(tmp_path / "alerts.yaml")], check=True)


def proxy() -> str:
    """Return the configuration of the proxy."""
    return next(block.text for page in pages() for block in page.blocks if block.language == "nginx")


def test_the_proxy_names_places_that_there_are() -> None:
    served = {operation.path for operation in operations()}
    assert set(LOCATION.findall(proxy())) <= {"/", *served}
    seconds = re.search(r"proxy_read_timeout (\d+)s;", proxy())
    assert seconds
    assert int(seconds[1]) > 60


def test_the_proxy_says_itself_who_asks() -> None:
    told = dict(re.findall(r"proxy_set_header (\S+) (.+);", proxy()))
    assert told["X-Forwarded-For"] == "$proxy_add_x_forwarded_for", "else it passes on what anybody claims"
    assert told["X-Forwarded-Proto"] == "$scheme"


@pytest.mark.skipif(shutil.which("nginx") is None, reason="needs nginx")
def test_streams_pass_the_proxy_at_once_large_bodies_too_and_figures_do_not(
    api: Api, processes: Processes, tmp_path: Path
) -> None:
    port = free_port()
    inner = proxy().replace(f"http://{LOOPBACK}:8000", api.url)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    places = " ".join(f"{kind}_temp_path {tmp_path}/{kind};" for kind in kinds)
    (tmp_path / "nginx.conf").write_text(
        f"daemon off; user {getuser()}; pid {tmp_path}/pid; error_log stderr; events {{}}\n"
        f"http {{ access_log off; {places} server {{ listen {LOOPBACK}:{port};\n{inner}\n}} }}\n"
    )
    command = [shutil.which("nginx") or "", "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf")]
    proxy_process = processes.start(command, {})
    url = f"http://{LOOPBACK}:{port}"
    proxy_process.wait_for_url(f"{url}/healthz")
    assert httpx.get(f"{url}/metrics", trust_env=False).status_code == 403
    large = httpx.post(f"{url}/v1/meetings", content=b"[" + b" " * (MAX_BODY_BYTES - 1), headers=bearer(OPERATOR))
    assert large.status_code == 422
    token = api.token(api.meeting("ana"), "ana")
    with httpx.stream("GET", f"{url}/v1/seat/events", headers=bearer(token), trust_env=False, timeout=5) as answer:
        assert next(answer.iter_lines()) == "event: seat"
