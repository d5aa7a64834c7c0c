"""When to try again: arithmetic, without a clock and without chance of its own."""

FIRST_SECONDS = 5.0
LONGEST_SECONDS = 900.0
"""Also the longest delay that SQS gives to a message."""


def delay_seconds(attempts: int, named: float | None, chance: float) -> int:
    """Whole seconds to wait after the given number of attempts.

    Doubles from 5 seconds to 15 minutes; half of it is fixed, the other half spread by `chance`
    (0 to 1), so that what failed together does not come back together. A time that Klaviyo `named`
    is kept, and spread by up to a tenth.
    """
    doublings = min(max(attempts - 1, 0), 10)
    doubled = min(FIRST_SECONDS * 2.0**doublings, LONGEST_SECONDS)
    waited = doubled / 2 + chance * doubled / 2
    if named is not None:
        waited = named * (1 + chance / 10)
    return max(1, round(waited))
