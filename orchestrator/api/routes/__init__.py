"""The endpoints, a module for each noun: each parses, calls one service, and answers."""
