"""Python imports this at its start if this folder is on PYTHONPATH, as only in the processes of a lane."""

from tests.chaos import clock

clock.set_as_told()

from tests.chaos import copies, tracing  # noqa: E402 - nothing may read the time before the clock is set

copies.install_as_told()
tracing.install()
