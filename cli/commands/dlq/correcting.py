"""`dlq edit`: entries are corrected in an editor, and each goes back as soon as it is saved."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from cli import terminal as console
from cli.commands.dlq.choosing import (
    amount,
    examples,
    next_on,
    nothing_matches,
    queue_of,
    queue_options,
    retry_queue_of,
    retry_queue_option,
    selecting,
    selection_of,
)
from cli.next_command import aimed
from cli.options import CommandContext, json_option
from cli.troubles import Misuse, Status, Trouble

if TYPE_CHECKING:
    from cli.dead_letters.editing import Choice
    from cli.dead_letters.queue import DeadLetterQueue
    from handler.queue.envelope import Entry
    from handler.queue.queues import Queue
    from klaviyo_mapping import Settings


@click.command("edit", epilog=examples("edit --message-id msg-17", "edit --reason refused"))
@queue_options
@selecting
@retry_queue_option
@click.option(
    "--yes", is_flag=True, help="Send back what the settings would drop or reject as well."
)
@json_option
def edit_letters(
    reasons: tuple[str, ...],
    message_ids: tuple[str, ...],
    retry_queue_url: str | None,
    yes: bool,
    queue_url: str | None,
    stack_name: str | None,
    as_json: bool,
) -> int:
    """Correct entries in $EDITOR, one after the other, and send them back to the retry queue.

    What is closed without saving stays as it is. What is saved is checked, and goes back before the
    next one opens; the old entry is deleted only when the new one is on the retry queue. Where the
    settings (the stack's, else the environment's) would drop or reject it, the command asks first,
    or needs --yes. With --json: {"edited", "unchanged"}.
    """
    from cli.dead_letters.editing import is_editable
    from cli.dead_letters.entries import key_of
    from handler.queue.queues import Queue

    if not reasons and not message_ids:
        raise Misuse("name the entries: --message-id ID or --reason CODE")
    queue = queue_of(queue_url, stack_name)
    selection = selection_of(queue, reasons, message_ids)
    # Read first and edit afterwards: SQS would show the messages to others while somebody types.
    with queue.letters() as letters:
        chosen = [each for letter in letters for each in letter.entries if selection.holds(each)]
    if not chosen:
        raise Misuse(nothing_matches(queue_url, stack_name))
    # Found before the editor opens, so that no work is lost where it is not.
    retry_url = retry_queue_of(retry_queue_url, queue, queue_url, stack_name)
    settings = _settings(stack_name, yes)
    # Copies of an entry are edited once.
    entries = list({key_of(each): each for each in chosen if is_editable(each)}.values())
    if len(entries) < len(chosen):
        _say_what_is_left_out(chosen, queue_url, stack_name)
    session = _Session(queue, Queue(retry_url), settings, stack_name, yes)
    session.edit(entries)
    unchanged = len(entries) - session.sent
    if as_json:
        console.write_json({"edited": session.sent, "unchanged": unchanged})
    else:
        console.say(
            f"{amount(session.sent)} edited and sent back to the retry queue; {unchanged:,} "
            "unchanged."
        )
    return Status.OK


def _settings(stack_name: str | None, yes: bool) -> "Settings | None":
    """The settings that hold; `None` where they cannot be read and nobody wants to be asked."""
    try:
        return CommandContext(stack_name).settings
    except Misuse as misuse:
        if yes:
            return None
        raise Misuse(
            f"{misuse}; with --yes, entries go back although nothing says what becomes of them"
        ) from None


def _say_what_is_left_out(
    chosen: "Sequence[Entry]", queue_url: str | None, stack_name: str | None
) -> None:
    from cli.dead_letters.editing import is_editable

    unreadable = sum(1 for each in chosen if not is_editable(each))
    if unreadable == len(chosen):
        exporting = next_on("export", queue_url, stack_name, "letters.jsonl")
        raise Misuse(
            f"no such entry can be read as a message, so none can be edited; {exporting} keeps a "
            "copy"
        )
    if unreadable:
        console.note(f"Left as it is, because no message can be read: {amount(unreadable)}.")


@dataclass(slots=True)
class _Session:
    """Edits entries one after the other. Each that was saved is on the retry queue before the next
    one opens, so that an editor that fails, or Ctrl-C, costs no correction but the open one."""

    queue: "DeadLetterQueue"
    target: "Queue"
    settings: "Settings | None"
    stack_name: str | None
    yes: bool
    sent: int = 0

    def edit(self, entries: "Sequence[Entry]") -> None:
        """All of them, in order. However it ends early, it is said how many went back before."""
        try:
            for entry in entries:
                self._edit(entry)
        except (KeyboardInterrupt, click.Abort):
            console.note(f"{self._so_far()}.")
            raise
        except Trouble as trouble:
            if not self.sent:
                raise
            raise Trouble(f"{trouble}. {self._so_far()}") from None

    def _so_far(self) -> str:
        if not self.sent:
            return "Nothing was sent back; the entries stay as they are"
        return f"{amount(self.sent)} edited and sent back before that; the others stay as they are"

    def _edit(self, entry: "Entry") -> None:
        from cli.dead_letters.editing import edit
        from cli.dead_letters.entries import Selection, key_of
        from cli.dead_letters.queue import put

        edited = edit(entry, _editor, _again, lambda new: self._choose(entry, new))
        if edited is None:
            return
        only = Selection(keys=frozenset({key_of(entry)}))
        if not self.queue.take(only, lambda _: put(self.target, [edited]), dry_run=False):
            raise Trouble(
                "the edited entry is no longer in the queue, and its correction was not sent: it "
                "was redriven or purged meanwhile"
            )
        self.sent += 1

    def _choose(self, entry: "Entry", edited: "Entry") -> "Choice":
        """What is to be done with an entry that would be lost. Raises `Misuse` where nobody can be
        asked."""
        from cli.dead_letters.editing import Choice
        from cli.dead_letters.forecast import forecast

        found = forecast(entry, edited, self.settings, datetime.now(UTC))
        for note in found.notes:
            console.note(aimed(note, self.stack_name))
        if found.loss is None:
            return Choice.SEND
        loss = aimed(found.loss, self.stack_name)
        if self.yes:
            console.note(loss)
            return Choice.SEND
        if not sys.stdin.isatty():
            raise Misuse(f"{loss} The entry stays as it is; --yes sends it back nevertheless")
        console.complain(loss)
        answer: str = click.prompt(
            "Edit it again, send it back nevertheless, or leave the entry as it is?",
            type=click.Choice([each.value for each in (Choice.EDIT, Choice.SEND, Choice.LEAVE)]),
            default=Choice.EDIT.value,
            err=True,
        )
        return Choice(answer)


def _editor(text: str) -> str | None:
    try:
        return click.edit(text, extension=".json", require_save=True)
    except click.ClickException as error:
        raise Trouble(f"{error.format_message()}; the entry that was open stays as it is") from None


def _again(problem: str) -> bool:
    console.complain(problem)
    return sys.stdin.isatty() and click.confirm("Edit it again?", default=True, err=True)
