"""A warm start makes a process like any other, which shares nothing but imports."""

import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import warm
from tests.support.processes import Process, Processes, clean_environment, lives
from tests.support.waiting import wait_until

SHOWN = """
import json, os, random, signal, sys, uuid_utils
said = {"argv": sys.argv[1:], "cwd": os.getcwd(), "path": sys.path[0], "env": dict(os.environ), "name": __name__}
said |= {"parent": os.getppid(), "session": os.getsid(0), "id": str(uuid_utils.uuid7()), "dice": random.random()}
said |= {"input": sys.stdin.read(), "ignored": [n for n in range(1, 32) if signal.getsignal(n) is signal.SIG_IGN]}
said |= {"open": sorted(os.listdir("/proc/self/fd")), "workers": "workers" in sys.modules}
print(json.dumps(said))
sys.exit(3)
"""
WAITS = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # a test run in the background ignores it
print("waits")
signal.pause()
"""
REPLACED = "import os, sys; os.execv(sys.executable, [sys.executable, '-m', 'shown', 'b'])"

pytestmark = pytest.mark.skipif(
    not warm.takes([sys.executable, "-m", "any"], {}), reason="no start is warm here (not Linux, or make coverage)"
)


@pytest.fixture
def modules(tmp_path: Path) -> Path:
    """Make a folder with programs."""
    folder = tmp_path / "modules"
    folder.mkdir()
    for name, text in (("shown", SHOWN), ("waits", WAITS), ("replaced", REPLACED)):
        (folder / f"{name}.py").write_text(text)
    return folder


def start(processes: Processes, modules: Path, *words: str) -> Process:
    return processes.start([sys.executable, "-m", *words], {"ONE": "1"}, cwd=modules)


@pytest.fixture(params=[signal.SIG_IGN, signal.default_int_handler], ids=["in the background", "in a terminal"])
def run_so(request: pytest.FixtureRequest) -> Iterator[None]:
    """Have this process ignore SIGINT, as one does that runs in the background, or not."""
    before = signal.signal(signal.SIGINT, request.param)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("run_so")
def test_it_is_a_process_of_its_own(processes: Processes, cold_processes: Processes, modules: Path) -> None:
    said = []
    for started in (processes, processes, cold_processes):
        process = start(started, modules, "shown", "a", "b")
        assert process.wait() == 3, process.output
        found = json.loads(process.output)
        assert found.pop("session") == process.pid
        said.append(found)
    warm_one, _, cold_one = said
    assert len({found.pop("id") for found in said}) == len({found.pop("dice") for found in said}) == 3
    assert warm_one == cold_one
    assert (warm_one["parent"], warm_one["input"], warm_one["workers"]) == (os.getpid(), "", False)
    assert warm_one["env"].items() >= {**clean_environment(), "ONE": "1"}.items()


def test_it_takes_signals_and_can_be_killed(processes: Processes, modules: Path) -> None:
    for end, code in ((Process.stop, -signal.SIGTERM), (Process.kill, -signal.SIGKILL)):
        process = start(processes, modules, "waits")
        process.wait_for_text("waits")
        assert process.alive
        end(process)
        assert (process.wait(), process.alive) == (code, False)


def test_it_is_interrupted_like_any_other(processes: Processes, modules: Path) -> None:
    process = start(processes, modules, "waits")
    process.wait_for_text("waits")
    process.send(signal.SIGINT)
    assert process.wait() != 0
    assert "KeyboardInterrupt" in process.output


def test_it_may_be_replaced_by_another_command(processes: Processes, modules: Path) -> None:
    process = start(processes, modules, "replaced")
    assert process.wait() == 3, process.output
    found = json.loads(process.output)
    assert (found["argv"], found["name"]) == (["b"], "__main__")


def test_a_module_that_does_not_exist_fails_as_ever(processes: Processes, modules: Path) -> None:
    process = start(processes, modules, "no_such_module")
    assert process.wait() == 1
    assert "No module named no_such_module" in process.output


def test_it_dies_with_the_process_that_started_it(cold_processes: Processes, tmp_path: Path) -> None:
    program = f"""if True:
        import os, signal, sys
        from pathlib import Path
        from tests.support.processes import Processes
        process = Processes(Path({str(tmp_path)!r})).start([sys.executable, "-m", "http.server", "0"], {{}})
        process.wait_for_text("Serving")
        print(process.pid)
        signal.pause()
    """
    parent = cold_processes.start([sys.executable, "-c", program], {})
    wait_until(lambda: parent.output.strip().isdigit() or not parent.alive, what="the child's number")
    child = int(parent.output)
    assert lives(child)
    parent.kill()

    wait_until(lambda: not lives(child), what="the child's end")
