"""Structured logs: JSON lines in production, readable ones in a terminal; no secret or personal name above DEBUG."""

import logging
import sys

import structlog


def configure(level: str, json_lines: bool) -> None:
    """Route structlog's and the standard library's loggers (Celery, uvicorn) through one renderer to stderr."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if json_lines
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    )
    chain = [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_tracebacks(json_lines), renderer]
    handler = logging.StreamHandler()
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=chain))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    for chatty in ("httpx", "httpcore", "kombu.pidbox"):
        logging.getLogger(chatty).setLevel("WARNING")


def _tracebacks(json_lines: bool) -> list[structlog.typing.Processor]:
    return [structlog.processors.format_exc_info] if json_lines else []


def logger(name: str) -> structlog.stdlib.BoundLogger:
    """A logger for module `name`; bind ids to it, not names of people."""
    return structlog.stdlib.get_logger(name)
