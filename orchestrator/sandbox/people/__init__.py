"""Simulated people: each keeps a seat stream open and is wherever the seat says."""
