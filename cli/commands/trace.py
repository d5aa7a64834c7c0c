"""`trace`: what happened to a message, by the ledger."""

import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from cli import terminal as console
from cli.next_command import aimed, next_command
from cli.options import CommandContext, json_option, stack_option
from cli.troubles import Misuse, Status

if TYPE_CHECKING:
    from cli.stack.aws import Stack
    from ledger.fates import Group
    from ledger.people import People
    from ledger.stories import Story
    from ledger.table import Table

EPILOG = """\b
Examples:
  klaviyo-destination trace msg-17 --stack klaviyo-destination
  klaviyo-destination trace --email --stack klaviyo-destination
  klaviyo-destination trace --email --forget --local < address.txt

\b
The stack needs a ledger (docs/ledger.md). --email and --user-id ask for the value, or read it from
standard input, so that it is in no shell's history.
With --json: {"message_id", "type", "state" (delivered, waiting, dead_lettered, dropped, unknown),
"arrived_at", "repeats", "moved_by_sqs", "warnings", "attempts": [{"at", "by", "outcomes":
[{"operations", "state", "reason", "about", "status", "code", "pointer", "until", "warnings"}]}]};
of a person {"messages": [these], "left_out"}; with --forget {"forgotten", "is_all"}.
Times are Unix seconds.
Exit status: 1 if the ledger knows nothing of it.
"""

MOST_SHOWN = 100
"""Messages of a person."""

STYLES = {
    "delivered": console.GOOD,
    "waiting": console.DOUBTFUL,
    "dead_lettered": console.BAD,
    "dropped": console.FAINT,
    "unknown": console.DOUBTFUL,
}

OVERDUE_SECONDS = 1_800.0
"""After so long, what waits has been left untried, or SQS has moved it."""


@click.command("trace", epilog=EPILOG)
@click.argument("message_id", required=False)
@click.option("--email", "name", flag_value="email", help="The messages of an e-mail address.")
@click.option("--user-id", "name", flag_value="external_id", help="The messages of a user id.")
@click.option("--forget", is_flag=True, help="Delete what the ledger knows of the person.")
@stack_option
@json_option
def command(
    message_id: str | None, name: str | None, forget: bool, stack_name: str | None, as_json: bool
) -> int:
    """Tell what happened to a message, or to a person's messages."""
    if (message_id is None) is (name is None):
        raise Misuse("name a message id, or --email, or --user-id")
    if forget and name is None:
        raise Misuse("--forget needs a person: add --email or --user-id")
    stack = CommandContext(stack_name).stack
    if stack is None:
        raise Misuse("name the ledger: --stack NAME or --local")
    from cli.stack import ledger

    table = ledger.table(stack)
    if name is None:
        return _trace(table, stack, str(message_id), stack_name, as_json)
    people = ledger.people(stack)
    hashes = _hashes(people, name, _asked(name))
    if forget:
        return _forget(table, hashes, as_json)
    return _trace_person(table, hashes, stack_name, as_json)


def _trace(
    table: "Table", stack: "Stack", message_id: str, stack_name: str | None, as_json: bool
) -> int:
    from cli.stack.ledger import patient
    from handler.report.message_ids import shown_id
    from ledger.stories import document_of, read_story

    # Logs and answers name some ids by their hash: such a name is found as well.
    found = read_story(table, str(shown_id(message_id)), patient())
    if found is None:
        if as_json:
            console.write_json(None)
        console.note(
            f"The ledger knows nothing of {message_id}. Either it did not arrive, or that was "
            "before the ledger was on or longer ago than LEDGER_DAYS, or its person was forgotten."
        )
        return Status.PROBLEMS
    is_moved = _is_overdue(found, table.now()) and _is_moved(stack, message_id)
    if as_json:
        console.write_json({**document_of(found), "moved_by_sqs": is_moved})
    else:
        _show(found, table.now(), stack_name, is_moved=is_moved)
    return Status.OK


def _is_overdue(found: "Story", now: float) -> bool:
    """Whether it waits, and nothing was noted for long after it was due."""
    due = [outcome.until or at for at, outcome in found.operations().values()]
    return found.state.value == "waiting" and now - min(due) > OVERDUE_SECONDS


def _is_moved(stack: "Stack", message_id: str) -> bool:
    """Whether SQS has moved it to the dead-letter queue: the ledger does not know of it."""
    from cli.dead_letters.entries import names_of
    from cli.dead_letters.queue import DeadLetterQueue

    console.note("Nothing was noted since it was due: looking into the dead-letter queue …")
    with DeadLetterQueue(stack.output("DeadLetterQueueUrl")).letters() as letters:
        return any(message_id in names_of(entry) for letter in letters for entry in letter.entries)


def _show(found: "Story", now: float, stack_name: str | None, *, is_moved: bool) -> None:
    state = found.state.value
    article = "an" if (found.kind or "")[:1] in {"a", "i"} else "a"
    about = f"{article} {found.kind} message" if found.kind else "a message"
    console.say(f"{found.message_id} is {about}:", console.painted(_words(state), STYLES[state]))
    again = ""
    if found.repeats:
        again = f", and {console.counted(found.repeats, 'more time', 'more times')} since"
    console.say(f"It arrived at {_time(found.arrived_at)} UTC{again}.")
    if found.warnings:
        console.say(f"The mapping warns: {', '.join(found.warnings)}.")
    console.say()
    console.write_table(
        ("time (UTC)", "after", "function", "operations", "became", "why"), list(_rows(found))
    )
    _show_advice(found, now, stack_name, is_moved=is_moved)


def _rows(found: "Story") -> Iterable[tuple[Any, ...]]:
    from ledger.fates import groups_of

    for chapter in found.chapters:
        when = (_time(chapter.at), _span(chapter.at - found.arrived_at), chapter.by)
        if not chapter.outcomes:
            said = console.painted("delivered", STYLES["delivered"])
            yield (*when, "all", said, "sent again by Segment; nothing was sent to Klaviyo")
        for group in groups_of(chapter.outcomes):
            said = console.painted(_words(group.state.value), STYLES[group.state.value])
            yield (*when, _operations(group.operations), said, _why(group, chapter.at))
            when = ("", "", "")


def _why(group: "Group", at: float) -> str | None:
    status = f"Klaviyo's {group.status}" if group.status else None
    code = f"code {group.code}" if group.code else None
    details = ", ".join(each for each in (group.about, status, code, group.pointer) if each)
    said = [group.reason or "", f"({details})" if details else ""]
    parts = [" ".join(each for each in said if each)]
    if group.state.value == "unknown":
        parts.append("the function was stopped, or could not record it")
    if group.until is not None:
        parts.append(f"again after {_span(group.until - at)}, at {_time(group.until)[11:]}")
    if group.warnings:
        parts.append(f"without: {', '.join(group.warnings)}")
    return "; ".join(each for each in parts if each) or None


def _show_advice(found: "Story", now: float, stack_name: str | None, *, is_moved: bool) -> None:
    """What there is to do about what is not delivered."""
    from ledger.fates import State
    from preview import ADVICE

    left = [
        outcome
        for _, outcome in found.operations().values()
        if outcome.state is not State.DELIVERED
    ]
    for reason in dict.fromkeys(outcome.reason for outcome in left):
        advice = ADVICE.get(reason or "")
        if advice is not None:
            console.say()
            console.say(f"{reason}: {advice.meaning}")
            console.say(f"What to do: {aimed(advice.remedy, stack_name)}")
    named = ("--message-id", found.message_id)
    if found.state is State.DEAD_LETTERED:
        console.say()
        console.say(f"The content: {next_command('dlq show', stack_name, *named)}")
    if is_moved:
        console.say()
        console.say(
            "It is in the dead-letter queue: SQS itself has moved it, since the retry function "
            f"failed on it a hundred times. {next_command('dlq redrive', stack_name, *named)} "
            "tries it again."
        )
    elif _is_overdue(found, now):
        console.say()
        console.say(
            "Nothing was noted since it was due. It waits untried, behind a pause of Klaviyo's or "
            "of the destination's, or what came of it could not be written."
        )


def _operations(names: Iterable[str]) -> str:
    from ledger.operation_names import kind

    kinds = [kind(name) for name in names]
    return ", ".join(
        f"{kinds.count(each)} {each}" if kinds.count(each) > 1 else each
        for each in dict.fromkeys(kinds)
    )


def _trace_person(table: "Table", hashes: list[str], stack_name: str | None, as_json: bool) -> int:
    from cli.stack.ledger import patient
    from ledger.forgetting import messages_of
    from ledger.stories import document_of, read_story

    ids, _ = messages_of(table, hashes, patient())
    latest = ids[-MOST_SHOWN:]
    stories = [
        found for each in latest if (found := read_story(table, each, patient())) is not None
    ]
    if as_json:
        left_out = len(ids) - len(latest)
        messages = [document_of(found) for found in stories]
        console.write_json({"messages": messages, "left_out": left_out})
    elif stories:
        console.write_table(
            ("arrived (UTC)", "type", "message id", "is"),
            (
                (
                    _time(found.arrived_at),
                    found.kind,
                    found.message_id,
                    console.painted(_words(found.state.value), STYLES[found.state.value]),
                )
                for found in stories
            ),
        )
        console.say()
        of = f" of {len(ids):,}" if len(ids) > len(latest) else ""
        console.say(f"{console.counted(len(stories), 'message')}{of}.")
        last = next_command("trace", stack_name, "--", stories[-1].message_id)
        console.say(f"More of the last one: {last}")
    else:
        console.note("The ledger knows no message of this person.")
    return Status.OK if stories else Status.PROBLEMS


def _forget(table: "Table", hashes: list[str], as_json: bool) -> int:
    from cli.stack.ledger import patient
    from ledger.forgetting import forget

    number, is_all = forget(table, hashes, patient())
    if as_json:
        console.write_json({"forgotten": number, "is_all": is_all})
    else:
        console.say(f"{console.counted(number, 'item')} deleted from the ledger.")
    return Status.OK if is_all else Status.UNFINISHED


def _asked(name: str) -> str:
    prompt = "E-mail address" if name == "email" else "User id"
    if sys.stdin.isatty():
        text: str = click.prompt(prompt, err=True)
    else:
        text = sys.stdin.readline()
    if not text.strip():
        raise Misuse(f"{prompt}: expected one on standard input")
    return text.strip()


def _hashes(people: "People", name: str, value: str) -> list[str]:
    return [people.hash(name, value)]


def _words(state: str) -> str:
    return {"dead_lettered": "dead-lettered"}.get(state, state)


def _time(moment: float) -> str:
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M:%S}"


def _span(seconds: float) -> str:
    """A time that has passed, in the unit that suits it."""
    if seconds < 1:
        return ""
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7_200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h"
