"""Settings of the garbage collector for a process that imports much and runs long."""

import gc

THRESHOLDS = (20_000, 50, 100)


def spare() -> None:
    """Collect rarely. Call it before the imports: what they make is kept, and collecting took a sixth of a start."""
    gc.set_threshold(*THRESHOLDS)


def settle() -> None:
    """Exclude all that exists now from collection. Call it when everything is imported and built.

    Walking through it again and again took a tenth of the time of a mass opening, and now and then delayed streams by a
    fifth of a second (measured).
    """
    gc.collect()
    gc.freeze()
