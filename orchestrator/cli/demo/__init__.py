"""`breakouts demo`: the whole stack, a sandbox, eighteen people, four recorded rooms, and everybody home again."""
