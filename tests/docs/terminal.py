"""Run a page's blocks in order, in one shell, like a reader who copies one after the other."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path

from orchestrator.cli.daily.summaries import SUMMARIES
from tests.docs.pages import Block
from tests.support.processes import BREAKOUTS, clean_environment

NEVER_ENDS = re.compile(r"breakouts (api|worker|timekeeper|flower)\b|python -m orchestrator\.runtime\.alive\b")
"""The processes of a deployment, and the command that watches them."""
SECONDS = 180
"""For one page, on a busy machine."""
PRELUDE = r"""
set -euo pipefail
# What `breakouts` becomes for these, without starting another Python first.
breakouts() {
  case $1 in
    keys|doctor|presets|sweep|migrate) STARTS -m orchestrator.cli."$@" ;;
    DAILY) STARTS -m orchestrator.cli.daily "$@" ;;
    *) BREAKOUTS_COMMAND "$@" ;;
  esac
}
python3() { PYTHON "$@"; }
# A stream never ends: what comes first is enough.
stream() {
  command curl --fail-with-body "$@" > stream.txt & local reader=$!
  until test -s stream.txt; do kill -0 $reader; sleep 0.05; done
  kill $reader; cat stream.txt; rm stream.txt
}
curl() { case " $* " in *" -sSN "*) stream "$@" ;; *) command curl --fail-with-body "$@" ;; esac; }
"""


def run(
    blocks: Sequence[Block], folder: Path, env: Mapping[str, str], port: int, flower_port: int, *, starts: Sequence[str]
) -> str:
    """Run the blocks and return all that they print. Raises AssertionError with the name of the block that failed.

    `starts` are the words before `-m MODULE …` that start our commands.
    """
    ports = {":8000": f":{port}", ":5555": f":{flower_port}"}
    prelude = PRELUDE.replace("BREAKOUTS_COMMAND", shlex.join(BREAKOUTS)).replace("DAILY", "|".join(SUMMARIES))
    script = prelude.replace("STARTS", shlex.join(starts)).replace("PYTHON", shlex.quote(sys.executable))
    script += "".join(f'echo "### {block.where} after $SECONDS s"\n{_as_shell(block)}\n' for block in blocks)
    for ours, theirs in ports.items():
        script = script.replace(ours, theirs)
    command = ["timeout", str(SECONDS), "bash", "-c", script]
    done = subprocess.run(
        command,
        cwd=folder,
        env={**clean_environment(), **env, "PATH": os.environ["PATH"]},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"exit code {done.returncode} (124: took too long), after:\n{done.stdout[-4000:]}"
    return done.stdout


def run_once_each(
    pages: Sequence[Sequence[Block]], folder: Path, env: Mapping[str, str], port: int, *, starts: Sequence[str]
) -> str:
    """Run blocks of several pages like `run`, but no line twice, and none that never ends."""
    blocks = list(chain.from_iterable(pages))
    seen: set[str] = set()
    once = [replace(block, text=_news(block.text, seen)) for block in blocks]
    return run(once, folder, env, port, port, starts=starts)


def _news(text: str, seen: set[str]) -> str:
    kept = []
    for line in text.splitlines():
        command = line.partition(" #")[0].strip()
        if command not in seen and not NEVER_ENDS.match(command):
            kept.append(line)
        seen.add(command)
    return "\n".join(kept)


def _as_shell(block: Block) -> str:
    if block.language == "python":
        return f"{shlex.quote(sys.executable)} - <<'THE_END'\n{block.text}THE_END"
    return block.text
