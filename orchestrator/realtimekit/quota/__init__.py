"""The budget of calls that all processes share: which call may go out now, and which waits."""
