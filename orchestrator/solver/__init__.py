"""Assignments that hold constraints and are as even and as balanced as possible, by OR-Tools CP-SAT."""
