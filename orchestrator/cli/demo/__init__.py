"""`breakouts demo`: the whole stack and a sandbox; eighteen people go to four recorded rooms and return."""
