"""Pure rules: who sits where, which moves are legal, when something is due. No I/O and no clock."""
