"""`doctor`: every check, in the order in which one rests on another.

What could not be checked is said to be so, and is never counted as good.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime

from cli.examination.check import Check, Health
from cli.examination.klaviyo import KlaviyoExamination, revision_check
from cli.examination.segment import SegmentExamination
from cli.examination.stack import StackExamination
from cli.options import CommandContext
from cli.troubles import OutOfReach, Trouble


def examine(context: CommandContext, on_pause: Callable[[float], None]) -> Iterator[Check]:
    """Every check of a stack, or of the environment where none is named; none of them raises.
    Of a stack that is not there, only that.

    `on_pause` is given the seconds for which a check waits, because Klaviyo throttles it.
    """
    stack = StackExamination(context)
    yield from _each(("stack", stack.stack))
    if not stack.is_found:
        return  # There is nothing else to look at, and the same need not be said of each.
    yield from _each(("settings", stack.read_settings), ("secret", stack.secret))
    yield revision_check(datetime.now(UTC).date())
    klaviyo = KlaviyoExamination(stack.api_url, stack.key, stack.settings, on_pause)
    yield from _each(
        ("Klaviyo", klaviyo.key),
        ("scopes", klaviyo.scopes),
        ("list", klaviyo.lists),
        ("queues", stack.queues),
        ("ledger", stack.ledger),
    )
    segment = SegmentExamination(
        context.stack_name, stack.webhook_url, stack.settings, stack.has_token, on_pause
    )
    yield from _each(
        ("metrics", klaviyo.metrics),
        ("alarms", stack.alarms),
        ("concurrency", stack.concurrency),
        ("Segment", segment.mapping),
        otherwise=Health.UNKNOWN,
    )


def _each(
    *looks: tuple[str, Callable[[], Iterable[Check]]], otherwise: Health = Health.BAD
) -> Iterator[Check]:
    """The checks of each look. One that could not look is `UNKNOWN`; another one that raises ends
    in `otherwise`: whether the destination works without it."""
    for name, look in looks:
        try:
            yield from look()
        except Trouble as trouble:
            said, _, remedy = str(trouble).rpartition(": ")
            health = Health.UNKNOWN if isinstance(trouble, OutOfReach) else otherwise
            yield Check(name, health, said or remedy, remedy if said else "")
