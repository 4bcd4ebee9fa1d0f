"""The garbage collector of a process that imports much and lives long."""

import gc

YOUNG, MIDDLE, OLD = 20_000, 50, 100


def spare() -> None:
    """Call it before the imports: what they make is all kept, and looking for garbage in it took a sixth of a start."""
    gc.set_threshold(YOUNG, MIDDLE, OLD)


def settle() -> None:
    """Call it when everything is imported and built: that stays for good, and is not walked through any more.

    Looking at all of it again and again took a tenth of the time of a mass opening, and held streams up for a fifth of
    a second now and then (measured).
    """
    gc.collect()
    gc.freeze()
