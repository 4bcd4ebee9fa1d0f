"""The machine that figures were measured on."""

import os
import platform
from pathlib import Path


def machine() -> str:
    """Return its processors, memory, system and Python in one line."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{os.cpu_count()} x {_processor()}, {memory:.0f} GB, {platform.system()} {platform.machine()}, {python}"


def _processor() -> str:
    """Return the processor's name where the system says it (Linux), else its architecture."""
    described = Path("/proc/cpuinfo")
    lines = described.read_text().splitlines() if described.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
