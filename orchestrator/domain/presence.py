"""What is concluded from where a person is."""


def is_home(room_id: str, where: set[str | None]) -> bool:
    """Return whether somebody is in the parent meeting (None) and no longer in their room."""
    return None in where and room_id not in where
