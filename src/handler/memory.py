"""How often Python looks for garbage that only its cycle collector can find."""

import gc

CONTAINERS_BETWEEN_LOOKS = 500_000
"""More than a batch of 4 MB makes, nearly all of them trees, which are freed without the collector.
By default it would walk through what is alive every 700 to 2,000 containers, which is a tenth of
the whole time of a batch. So many containers take less than 100 MB."""


def look_for_garbage_seldom() -> None:
    """For the process: what has been imported is never looked at, the rest at long intervals."""
    gc.freeze()
    gc.set_threshold(CONTAINERS_BETWEEN_LOOKS)
