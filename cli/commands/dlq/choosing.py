"""What the verbs of `dlq` share: which queue, which entries, and their examples."""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from cli.options import Command, CommandContext, stack_option
from cli.troubles import Misuse

if TYPE_CHECKING:
    from cli.dead_letters.entries import Selection
    from cli.dead_letters.queue import DeadLetterQueue


def queue_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--stack`, `--local` and `--queue-url`."""
    command = click.option("--queue-url", metavar="URL", help="The dead-letter queue's URL.")(
        command
    )
    return stack_option(command)


def selecting(command: Command) -> Command:
    """`--reason` and `--message-id`."""
    command = click.option(
        "--message-id",
        "message_ids",
        multiple=True,
        metavar="ID",
        help="Entries of this Segment message. Repeatable.",
    )(command)
    return click.option(
        "--reason",
        "reasons",
        multiple=True,
        metavar="CODE",
        help="Entries with this code, ours or Klaviyo's. Repeatable.",
    )(command)


def examples(*calls: str) -> str:
    """An epilog. Calls without a queue use the stack klaviyo-destination."""
    where = " --stack klaviyo-destination"
    lines = (
        f"  klaviyo-destination dlq {call}{'' if '--queue-url' in call else where}"
        for call in calls
    )
    return "\n".join(("\b", "Examples:", *lines))


dry_run_option = click.option("--dry-run", is_flag=True, help="Only show what would be done.")


def selection_of(
    queue: "DeadLetterQueue", reasons: tuple[str, ...], message_ids: tuple[str, ...]
) -> "Selection":
    """What is meant. Raises `Misuse` for a reason that neither we nor the queue's entries know."""
    from cli.dead_letters.entries import Selection, codes_of
    from preview import ADVICE

    unknown = set(reasons) - ADVICE.keys()
    if unknown:
        with queue.letters() as letters:
            found = {
                code for letter in letters for each in letter.entries for code in codes_of(each)
            }
        if unknown - found:
            there = ", ".join(sorted(found)) or "no entry at all"
            raise Misuse(
                f"--reason: nothing has the reason {', '.join(sorted(unknown - found))}; the queue "
                f"has {there}"
            )
    return Selection(frozenset(reasons), frozenset(message_ids))


def queue_of(queue_url: str | None, stack_name: str | None) -> "DeadLetterQueue":
    """The queue that is named. Raises `Misuse` where none is."""
    from cli.dead_letters.queue import DeadLetterQueue

    context = CommandContext(stack_name)
    url = queue_url or os.environ.get("DEAD_LETTER_QUEUE_URL", "").strip()
    if queue_url is None and context.stack is not None:
        url = context.stack.output("DeadLetterQueueUrl")
    if not url:
        raise Misuse("name the dead-letter queue: --stack NAME, --local or --queue-url URL")
    return DeadLetterQueue(url)


def retry_queue_of(
    given: str | None, queue: "DeadLetterQueue", queue_url: str | None, stack_name: str | None
) -> str:
    """The URL of the retry queue: as given, else the stack's, else the one that SQS knows of."""
    context = CommandContext(stack_name)
    if given is None and queue_url is None and context.stack is not None:
        return context.stack.output("RetryQueueUrl")
    return given or queue.retry_queue_url()
