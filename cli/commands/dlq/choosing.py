"""What the verbs of `dlq` share: which queue, which entries, and how they speak of them."""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from cli.next_command import next_command
from cli.options import Command, CommandContext, stack_option
from cli.terminal import counted
from cli.troubles import Misuse, Trouble

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


retry_queue_option = click.option(
    "--retry-queue-url",
    metavar="URL",
    help="The queue to move them to, if not the stack's retry queue.",
)

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
    """The URL of the retry queue: as given, else the stack's, else the one that SQS knows of.

    Raises `Misuse` for the dead-letter queue itself: its entries would come back without an end.
    """
    context = CommandContext(stack_name)
    if given is None and queue_url is None and context.stack is not None:
        url = context.stack.output("RetryQueueUrl")
    else:
        url = given or queue.retry_queue_url()
    if queue.is_at(url):
        raise Misuse(
            f"the retry queue {url} is the dead-letter queue itself: name the retry queue with "
            "--retry-queue-url, or the dead-letter queue with --queue-url"
        )
    return url


def refuse_retry_queue(queue: "DeadLetterQueue", stack_name: str | None) -> None:
    """Raise `Misuse` where the queue is the retry queue, as far as that is known here: what it
    holds waits for its delivery."""
    stack = CommandContext(stack_name).stack
    known = os.environ.get("RETRY_QUEUE_URL", "").strip() or None
    url = known if stack is None else stack.outputs.get("RetryQueueUrl")
    try:
        is_same = url is not None and queue.is_at(url)
    except Trouble:  # a queue that nobody can ask is of somewhere else
        is_same = False
    if is_same:
        raise Misuse(
            f"{queue.url} is the retry queue, and what it holds is still to be delivered: name the "
            "dead-letter queue with --queue-url"
        )


def next_on(verb: str, queue_url: str | None, stack_name: str | None, *arguments: str) -> str:
    """Another command on the same queue."""
    named = ("--queue-url", queue_url) if queue_url is not None else ()
    return next_command(f"dlq {verb}", stack_name, *named, *arguments)


def nothing_matches(queue_url: str | None, stack_name: str | None) -> str:
    """That the selection holds nothing."""
    return f"no entry matches; {next_on('list', queue_url, stack_name)} shows what there is"


def amount(number: int, unit: str = "entries") -> str:
    """So many entries, or SQS messages."""
    if unit == "entries":
        return counted(number, "entry", "entries")
    return counted(number, "SQS message")
