"""An error of ours in one room: no pass over it can begin, because PostgreSQL refuses to mark one of its people."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.stack import Stack

REFUSE = """
    CREATE FUNCTION refuse_mark() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.in_doubt AND NEW.participant_id =
            (SELECT id FROM participant WHERE meeting_id = TG_ARGV[0] AND custom_participant_id = TG_ARGV[1])
        THEN
            RAISE EXCEPTION 'not this one' USING ERRCODE = 'data_exception';
        END IF;
        RETURN NEW;
    END $$"""
ERROR = "DataError"
"""The name of the error that a pass meets."""


@contextmanager
def unmarkable(stack: Stack, meeting_id: str, name: str) -> Iterator[None]:
    """Let no pass over the room of this person begin: it marks whom it is about to admit."""
    stack.execute(REFUSE)
    try:
        stack.execute(
            "CREATE TRIGGER refuse_mark BEFORE UPDATE ON seat FOR EACH ROW"
            f" EXECUTE FUNCTION refuse_mark('{meeting_id}', '{name}')"
        )
        yield
    finally:
        stack.execute("DROP FUNCTION refuse_mark CASCADE")
