"""Structured logs: JSON lines in production, readable ones in a terminal; no secret or personal name above DEBUG."""

import logging
import sys
from typing import Any

import structlog

from orchestrator.version import PYTHON, VERSION

QUIET_LOGGERS = (
    "httpx",
    "httpcore",
    "kombu.pidbox",
    "celery.worker.strategy",  # "received" and "succeeded" for each task; workers/task_lines.py logs one line instead
    "celery.app.trace",
    "uvicorn.access",  # orchestrator/api/access_log.py writes these lines
)
"""Loggers that only log from WARNING, because their INFO lines are many and not worth their time."""

SHARED_PROCESSORS: list[structlog.typing.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def configure(level: str, json_lines: bool) -> None:
    """Route structlog's and the standard library's loggers (Celery, uvicorn) through one renderer to stderr."""
    handler = logging.StreamHandler()
    handler.setFormatter(_formatter(json_lines))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    _spare_what_no_line_shows()
    logging.captureWarnings(True)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *SHARED_PROCESSORS,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    for name in QUIET_LOGGERS:
        logging.getLogger(name).setLevel("WARNING")


def _spare_what_no_line_shows() -> None:
    """Keep the standard library from looking up caller, thread and process of each line (its HOWTO, "Optimization")."""
    logging._srcfile = None
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False


def _formatter(json_lines: bool) -> structlog.stdlib.ProcessorFormatter:
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if json_lines
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    )
    chain = [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_tracebacks(json_lines), renderer]
    return structlog.stdlib.ProcessorFormatter(foreign_pre_chain=SHARED_PROCESSORS, processors=chain)


def _tracebacks(json_lines: bool) -> list[structlog.typing.Processor]:
    return [structlog.processors.format_exc_info] if json_lines else []


def logger(name: str) -> structlog.stdlib.BoundLogger:
    """Return the logger of module `name`; bind ids to it, not names of people."""
    return structlog.stdlib.get_logger(name)


def announce(process: str) -> None:
    """Log which process starts, in which version and on which Python."""
    logger(__name__).info("process starts", process=process, version=VERSION, python=PYTHON)


def begin(**ids: Any) -> None:
    """Replace the context of this thread or asyncio task: its lines carry these ids from now on."""
    structlog.contextvars.clear_contextvars()
    about(**ids)


def about(**more: Any) -> None:
    """Add to the context: further lines carry these as well."""
    structlog.contextvars.bind_contextvars(**more)


def end() -> None:
    """Empty the context."""
    structlog.contextvars.clear_contextvars()
