"""The supervisor: order, restarts, bounded stops, and no orphan however it ends."""

import os
import re
import signal
import sys

import pytest

from tests.support.processes import Process, Processes, lives
from tests.support.waiting import wait_until


def start(processes: Processes, case: str, children: int) -> Process:
    process = processes.start([sys.executable, "-m", "tests.runtime.toy", case], {})
    wait_until(lambda: len(pids(process)) >= children, what="all children's first words")
    process.wait_for_text("everything is up")
    return process


def pids(process: Process) -> list[int]:
    return [int(pid) for pid in re.findall(r"pid (\d+)", process.output)]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_stops_the_services_in_order(processes: Processes, number: signal.Signals) -> None:
    process = start(processes, "polite", 3)
    process.send(number)
    assert process.wait() == 0
    assert re.findall(r"(\w+) \| stopping", process.output) == ["front", "middle", "back"]
    assert not any(lives(pid) for pid in pids(process))


def test_a_service_that_will_not_stop_is_killed_and_the_rest_stop_cleanly(processes: Processes) -> None:
    process = start(processes, "stubborn", 2)
    assert process.stop() == 0
    assert "front | did not stop in time: killed" in process.output
    assert "back | stopping" in process.output


def test_a_killed_supervisor_leaves_nobody_behind(processes: Processes) -> None:
    process = start(processes, "polite", 3)
    children = pids(process)
    process.kill()
    wait_until(lambda: not any(lives(pid) for pid in children), what="the end of all children")


def test_a_service_that_dies_is_started_again_and_the_others_are_left_alone(processes: Processes) -> None:
    process = start(processes, "polite", 3)
    victim = int(re.findall(r"middle \| pid (\d+)", process.output)[0])
    os.kill(victim, signal.SIGKILL)
    process.wait_for_text("middle | ended with code -9; started again")
    wait_until(lambda: len(re.findall(r"middle \| pid", process.output)) == 2, what="a second life")
    assert len(re.findall(r"(back|front) \| pid", process.output)) == 2


def test_later_stages_wait_for_a_step_to_end(processes: Processes) -> None:
    process = start(processes, "step", 1)
    assert process.output.index("step | done") < process.output.index("front | pid")
    assert process.stop() == 0


def test_later_stages_wait_for_the_words_that_say_that_an_earlier_one_is_ready(processes: Processes) -> None:
    process = start(processes, "late", 2)
    assert process.output.index("back | open for business") < process.output.index("front | pid")
    assert process.stop() == 0


def test_a_step_that_says_that_it_goes_on_trying_holds_nobody_up(processes: Processes) -> None:
    process = start(processes, "patient step", 2)
    assert process.output.index("step | next time") < process.output.index("front | pid")
    assert process.stop() == 0


def test_a_step_that_succeeds_at_last_ends_and_the_others_go_on(processes: Processes) -> None:
    process = start(processes, "patient step", 2)
    step, front = (int(re.findall(rf"{name} \| pid (\d+)", process.output)[0]) for name in ("step", "front"))
    os.kill(step, signal.SIGUSR1)
    wait_until(lambda: not lives(step), what="the end of the step")
    os.kill(front, signal.SIGKILL)
    wait_until(lambda: len(re.findall(r"front \| pid", process.output)) == 2, what="a second life")
    assert process.stop() == 0
    assert len(re.findall(r"step \| pid", process.output)) == 1


def test_a_step_that_fails_keeps_the_rest_from_starting(processes: Processes) -> None:
    process = processes.start([sys.executable, "-m", "tests.runtime.toy", "failing step"], {})
    assert process.wait() == 2
    assert "step | no luck" in process.output
    assert "step ended with code 4 before everything was up" in process.output
    assert "front" not in process.output
