"""Simulated people: each keeps a seat stream open, and joins the meeting that its seat names."""
