"""The budget of calls that all processes share: which call goes out now, and which one waits."""
