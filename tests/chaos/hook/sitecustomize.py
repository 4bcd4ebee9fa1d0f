"""Python imports this at its start wherever this folder is on PYTHONPATH: in the processes of a sweep, and nowhere else."""

from tests.chaos.tracing import install

install()
