"""Python imports this at its start where this folder is on PYTHONPATH: in the processes of a lane, nowhere else."""

from tests.chaos import clock

clock.set_as_told()

from tests.chaos import copies, tracing  # noqa: E402 - nothing may read the time before the clock is set

copies.install_as_told()
tracing.install()
