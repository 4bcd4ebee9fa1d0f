"""What a message holds: a row, the claim number it was sent for, and a label for readers of Flower."""

from dataclasses import dataclass, field
from datetime import datetime

from schemas.tasks import Task


@dataclass(frozen=True)
class Message:
    """Asks a worker to look at a row. The worker reads everything else from the row."""

    task: Task
    row_id: str
    claim: int
    label: str
    dispatched_at: datetime = field(compare=False)
    """When the row was dispatched, by the database's time."""
    breakout_id: str | None = None
    """The breakout whose row in Flower lists the task."""
