"""Assignments with constraints, by the solver itself."""
