"""What would become of an entry that somebody has edited, by the settings that hold."""

from dataclasses import dataclass
from datetime import datetime

from cli.dead_letters.entries import message_id_of
from handler.queue.envelope import Entry
from klaviyo_mapping.settings.settings import Settings
from preview import MappingVerdict, explain


@dataclass(frozen=True, slots=True)
class Forecast:
    """`loss` says why the entry would be lost; `None` where it would be delivered. `notes` are
    sentences about what somebody may not have meant."""

    loss: str | None
    notes: tuple[str, ...]


def forecast(before: Entry, after: Entry, settings: Settings | None, now: datetime) -> Forecast:
    """What the functions would do with the edited entry. Without settings its loss is unknown.

    No setting changes what becomes of an operation.
    """
    notes = []
    was, will_be = message_id_of(before), message_id_of(after)
    if was != will_be:
        notes.append(
            f"The message id changes from {was} to {will_be or 'none'}: Klaviyo and the ledger "
            "take it for another message, and what was delivered of it already is sent again."
        )
    if after.message is None or settings is None:
        return Forecast(None, tuple(notes))
    (found,) = explain([after.message], settings, now, is_traced=False).messages
    notes += [f"{each.code}: {each.meaning} {each.remedy}" for each in found.warnings]
    if found.verdict is MappingVerdict.MAPPED or found.reason is None:
        return Forecast(None, tuple(notes))
    loss = (
        f"it would be {found.verdict.value} ({found.reason.code}): {found.reason.meaning} "
        f"{found.reason.remedy}"
    )
    return Forecast(loss, tuple(notes))
