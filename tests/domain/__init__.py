"""Tests of what decides without reaching out."""
