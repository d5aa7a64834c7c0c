"""How often Python looks for garbage that only its cycle collector can find."""

import gc

CONTAINERS_BETWEEN_LOOKS = 100_000
"""A batch of 4 MB makes about 300,000 containers, nearly all of them trees that are freed without
the collector. By default it would walk through what is alive every 700 to 2,000 containers, which
is a tenth of the whole time of a batch."""


def look_for_garbage_seldom() -> None:
    """For the process: what has been imported is never looked at, the rest at long intervals."""
    gc.freeze()
    gc.set_threshold(CONTAINERS_BETWEEN_LOOKS)
