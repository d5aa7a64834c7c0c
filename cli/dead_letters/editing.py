"""An entry of the dead-letter queue as text to be edited, and what came of it, checked.

What goes back has passed the checks by which the functions read it; a key that they do not know is
refused here, since they would ignore it.
"""

import json
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

from cli.dead_letters.entries import key_of
from cli.troubles import Misuse
from handler.door.validation import Malformed, validate
from handler.queue.envelope import Entry
from operations import Operation, from_json, to_json

COMMENT = "#"


def is_editable(entry: Entry) -> bool:
    """Whether it holds one operation or one message."""
    return entry.operation is not None or entry.message is not None


def as_text(entry: Entry) -> str:
    """What is to be edited, below lines that say why it is dead."""
    if entry.operation is not None:
        document: Mapping[str, Any] = {"operation": to_json(entry.operation)}
    elif entry.message is not None:
        document = {"message": entry.message}
    else:
        raise Misuse(
            "the entry cannot be read as a message, so it cannot be edited; it can be exported"
        )
    reason = json.dumps(entry.reason or {}, ensure_ascii=False)
    head = (
        f"{COMMENT} {reason}",
        f"{COMMENT} Correct it, save and close. Closed without saving, it stays as it is.",
    )
    return "\n".join((*head, json.dumps(document, indent=2, ensure_ascii=False), ""))


def from_text(text: str, before: Entry) -> Entry:
    """The entry that goes back. Raises `Misuse` naming the field that is wrong."""
    lines = [line for line in text.splitlines() if not line.startswith(COMMENT)]
    try:
        document = json.loads("\n".join(lines))
    except ValueError as error:
        raise Misuse(f"not JSON: {error}") from None
    kind = "message" if before.operation is None else "operation"
    if not isinstance(document, dict) or set(document) != {kind}:
        raise Misuse(f'expected an object with "{kind}" and nothing else')
    if kind == "operation":
        return Entry(operation=_operation(document[kind]), reason=before.reason)
    checked = validate(document[kind])
    if isinstance(checked, Malformed):
        raise Misuse(f"message: {checked.field or 'message'}: {checked.detail}")
    return Entry(message=document[kind], reason=before.reason)


def _operation(document: Any) -> Operation:
    if not isinstance(document, dict):
        raise Misuse("operation: expected an object")
    try:
        operation = from_json(document)
    except ValueError as error:
        raise Misuse(f"operation: {error}") from None
    unknown = sorted(set(document) - {"kind", *operation.__struct_fields__})
    if unknown:
        raise Misuse(f"operation: there is no field {unknown[0]}")
    return operation


class Choice(StrEnum):
    """What is to be done with an entry that was edited."""

    SEND = "send"
    EDIT = "edit"
    LEAVE = "leave"


def edit(
    entry: Entry,
    editor: Callable[[str], str | None],
    again: Callable[[str], bool],
    choose: Callable[[Entry], Choice] = lambda _: Choice.SEND,
) -> Entry | None:
    """The entry as somebody leaves it, `None` if it stays as it was.

    `again` gets what is wrong, and returns whether to go on editing; if not, `Misuse` is raised.
    `choose` gets what is right, and says what is to be done with it.
    """
    text: str | None = as_text(entry)
    before = text
    while True:
        text = editor(text or "")
        if text is None or text == before:
            return None
        try:
            edited = from_text(text, entry)
        except Misuse as misuse:
            if not again(str(misuse)):
                raise
            continue
        same = Entry(operation=entry.operation, message=entry.message, reason=entry.reason)
        if key_of(edited) == key_of(same):
            return None
        choice = choose(edited)
        if choice is not Choice.EDIT:
            return edited if choice is Choice.SEND else None
