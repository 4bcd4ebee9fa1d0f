"""The two lock files: `make lock` writes them, `make check` proves them current without a network.

The first line of a lock contains a digest of everything in pyproject.toml that decides its content.
"""

import hashlib
import json
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RUN, DEVELOP = "requirements.lock", "requirements-dev.lock"
COMPILE = "pip compile pyproject.toml --group install --universal --python-version 3.11 --generate-hashes --quiet"


def digest() -> str:
    """Return the digest of pyproject's dependency tables, which ignores their layout and comments."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    keys = ("requires-python", "dependencies", "optional-dependencies")
    tables = {key: project["project"][key] for key in keys} | {"groups": project["dependency-groups"]}
    return hashlib.sha256(json.dumps(tables, sort_keys=True).encode()).hexdigest()


def first_line() -> str:
    """Return the first line of a lock that matches today's pyproject.toml."""
    return f"# made by `make lock` from pyproject.toml's dependencies, sha256 {digest()}"


def write(uv: str) -> None:
    """Resolve both locks to the same versions, and keep locked versions that still fit."""
    for name, extra in ((RUN, []), (DEVELOP, ["--extra", "dev", "--constraint", RUN])):
        command = [uv, *COMPILE.split(), "--no-header", "--no-annotate", *extra, "--output-file", name]
        subprocess.run(command, cwd=ROOT, check=True)
        lines = (ROOT / name).read_text().splitlines()
        # An index or folder of this machine's command line or environment must not get into a file for everybody.
        kept = [line for line in lines if not line.startswith(("--index-url", "--extra-index-url", "--find-links"))]
        (ROOT / name).write_text("\n".join([first_line(), *kept]) + "\n")


def stale() -> list[str]:
    """Return the names of the locks that don't match pyproject.toml, or that contain a URL."""
    return [name for name in (RUN, DEVELOP) if not _is_current(ROOT / name)]


def _is_current(lock: Path) -> bool:
    text = lock.read_text() if lock.exists() else ""
    return text.startswith(first_line() + "\n") and "://" not in text


def main(arguments: list[str]) -> int:
    """Run `write UV` or `check`. Returns 1 if a lock is stale."""
    if arguments[0] == "write":
        write(arguments[1])
    found = stale()
    for name in found:
        sys.stderr.write(f"{name} does not match pyproject.toml: run `make lock` and commit it\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
