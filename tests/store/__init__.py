"""Tests of how rows are kept, on both databases."""
