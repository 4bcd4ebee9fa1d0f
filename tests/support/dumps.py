"""Everything that a database holds, as text, to look for what should be nowhere."""

from collections.abc import Collection

from sqlalchemy import MetaData, select

from orchestrator.store.database import Database

LEAST_LETTERS = 7
"""A dump's random text holds a word of so many letters in one test of 500,000, and one of four in one of 300."""


def dump(database: Database) -> str:
    """Return every value of every row of every table."""
    metadata = MetaData()
    metadata.reflect(database.engine)
    lines = []
    with database.engine.connect() as connection:
        for table in metadata.sorted_tables:
            lines += [f"{table.name}: {tuple(row)!r}" for row in connection.execute(select(table))]
    return "\n".join(lines)


def places_of(words: Collection[str], text: str) -> list[str]:
    """Return what stands around each word that a text holds, in capitals or not.

    Raises AssertionError for a word so short that a token, an id or something encrypted may hold it by chance.
    """
    lower = text.lower()
    assert not [word for word in words if len(word) < LEAST_LETTERS]
    return [lower[max(0, at - 80) : at + 40] for word in words if (at := lower.find(word.lower())) >= 0]
