"""What a task returns: one line for Flower. The log gets only the part that can't name anybody."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Result:
    """The result of a task."""

    words: str
    """Our own words. They name no person."""
    quoted: str = ""
    """The words of RealtimeKit. They may quote what was sent, so they stay out of logs."""

    def __str__(self) -> str:
        return f"{self.words}: {self.quoted}" if self.quoted else self.words


NOTHING_TO_DO = Result("nothing to do")
