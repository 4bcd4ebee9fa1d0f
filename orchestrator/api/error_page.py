"""`docs/errors.md`, made from the table of codes: `python -m orchestrator.api.error_page > docs/errors.md`."""

import sys

from schemas.problems import MEANINGS

HEAD = """\
# Errors

Each error is a problem document (RFC 9457), `application/problem+json`: `type`, `title`, `status`, `detail` and `code`.
A `code` is stable, and there is one for each cause; `detail` is for people and may change. This page is made from the
table in `schemas/problems.py`.

- 409 has `state`, the present state of what stands in the way, and `allowed`, the states in which the call is taken.
  `breakout_id` names another breakout where that stands in the way.
- 422 has `errors`, a list of `{loc, msg}`. The `msg` of an unknown field or parameter says what may have been meant.
- 503 has the header `Retry-After`, in seconds. Nothing was written, and the request may be repeated.

What is wrong with a request is looked for in this order: 401, 403, 404 (an id in the path), 415, 422 (malformed), 412,
409 and 422 (impossible).

| code | status | what it means |
| --- | --- | --- |
"""


def page() -> str:
    """Return the page."""
    rows = (
        f"| `{code}` | {', '.join(map(str, meaning.statuses))} | {meaning.words} |\n"
        for code, meaning in sorted(MEANINGS.items())
    )
    return HEAD + "".join(rows)


if __name__ == "__main__":
    sys.stdout.write(page())
