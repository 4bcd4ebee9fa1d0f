"""What a message is: a row, the claim number it was sent for, and words for whoever watches Flower."""

from dataclasses import dataclass

from schemas.tasks import Task


@dataclass(frozen=True)
class Message:
    """Asks a worker to look at a row; everything else is read from the row."""

    task: Task
    row_id: str
    claim: int
    label: str
    breakout_id: str | None = None
    """Whose row in Flower lists the task."""
