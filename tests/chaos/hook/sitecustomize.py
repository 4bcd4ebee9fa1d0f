"""Python imports this at its start where this folder is on PYTHONPATH: in the processes of a sweep, nowhere else."""

from tests.chaos.tracing import install

install()
