"""Everything that a database holds, as text, to look for what should be nowhere."""

from sqlalchemy import MetaData, select

from orchestrator.store.database import Database


def dump(database: Database) -> str:
    """Return every value of every row of every table."""
    metadata = MetaData()
    metadata.reflect(database.engine)
    lines = []
    with database.engine.connect() as connection:
        for table in metadata.sorted_tables:
            lines += [f"{table.name}: {tuple(row)!r}" for row in connection.execute(select(table))]
    return "\n".join(lines)
