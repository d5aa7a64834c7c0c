"""When to try again: arithmetic, without a clock or randomness of its own."""

from dataclasses import dataclass

from klaviyo_client.people.newest import ONCE_SECONDS


@dataclass(frozen=True, slots=True)
class Pace:
    """How long to wait, in seconds.

    `first` after one failure, doubled after each further one up to `longest`, which is also the
    longest delay that SQS gives to a message; `follow_up` until the first check of an
    import job; `leaving` until Klaviyo surely shows who has left a list.
    """

    first: float = 5.0
    longest: float = 900.0
    follow_up: int = 60
    leaving: float = ONCE_SECONDS


PACE = Pace()


def delay_seconds(attempts: int, named: float | None, chance: float, pace: Pace = PACE) -> int:
    """Whole seconds to wait after the given number of attempts.

    Half of the time is fixed, the other half spread by `chance` (0 to 1), so that what failed
    together does not come back together. A time that Klaviyo `named` is kept, and spread by up to a
    tenth.
    """
    doublings = min(max(attempts - 1, 0), 10)
    doubled = min(pace.first * 2.0**doublings, pace.longest)
    waited = doubled / 2 + chance * doubled / 2
    if named is not None:
        waited = named * (1 + chance / 10)
    return max(1, round(waited))
