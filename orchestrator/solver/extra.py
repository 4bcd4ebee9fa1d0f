"""The one place that imports OR-Tools, and not before something must be solved, because that takes seconds."""

import importlib
import importlib.util
from types import ModuleType

MISSING = "together, apart and balance_by need OR-Tools: pip install 'breakout-orchestrator[constraints]'"


class MissingExtra(Exception):
    """The extra `[constraints]` is not installed; the message says how to install it."""


def require() -> None:
    """Raise MissingExtra unless the extra is installed. This is quick, because nothing of it is imported."""
    if importlib.util.find_spec("ortools") is None:
        raise MissingExtra(MISSING)


def cp_sat() -> ModuleType:
    """Return the module of OR-Tools that models and solves. Raises MissingExtra."""
    require()
    return importlib.import_module("ortools.sat.python.cp_model")
