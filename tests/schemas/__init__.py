"""Tests of the rules that stand in the schemas."""
