"""The record of one identifier's person, shared by all processes. Pure.

Moments are Unix seconds, on a clock that all processes share.
"""

from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import replace

from klaviyo_client.people.persons import Key
from klaviyo_client.people.times import NOTHING, FieldId, Times

MANY = "*"
"""The owner of a record that several processes have claimed at once."""


class Record(Struct, frozen=True):
    """`fields` has, for each field, the time of the latest message that decided it. Until
    `busy_until` requests of the `owner` may be in flight; `claims` has the times of their messages
    by field. `version` counts the writes."""

    fields: Times = NOTHING
    claims: Times = NOTHING
    busy_until: float = 0.0
    owner: str = ""
    version: int = 0

    def is_claimed(self, now: float, me: str) -> bool:
        """Whether another process may be sending something about the person."""
        return self.busy_until > now and self.owner not in ("", me)


def claimed(
    record: Record, claims: Times, facts: Times, until: float, me: str, now: float
) -> Record:
    """The record with these facts and a claim of this process, without claims that have ended."""
    is_others = record.is_claimed(now, me)
    return Record(
        record.fields.with_(facts),
        record.claims.with_(claims) if is_others else claims,
        max(until, record.busy_until) if is_others else until,
        MANY if is_others else me,
        record.version + 1,
    )


def concluded(
    record: Record, ours: Times, fields: Times, taken_back: Mapping[FieldId, float], late: float
) -> Record:
    """The record without the claims that are `ours`, and with the fields that were decided.

    `taken_back` are facts that turned out to be untrue, with their earlier values; they are
    restored if nobody has written them since. If `late` is not 0, a request of ours may still
    arrive until then, and the claims stay.
    """
    known = record.fields
    if taken_back:
        known = Times.of({**known.by_field(), **taken_back})
    known = known.with_(fields)
    version = record.version + 1
    if late:
        until = max(late, record.busy_until)
        return Record(known, record.claims.with_(ours), until, MANY, version)
    claims = record.claims.without(ours)
    if not claims:
        return Record(known, version=version)
    return Record(known, claims, record.busy_until, record.owner, version)


def without_fields(record: Record, gone: Times) -> Record:
    """The record without the fields that it has with these very times."""
    return replace(record, fields=record.fields.without(gone), version=record.version + 1)


def with_fields(record: Record, fields: Times) -> Record:
    """The record with these fields as well; for one that it has, the later time stays."""
    return replace(record, fields=record.fields.with_(fields), version=record.version + 1)


def overlaid(records: Mapping[Key, Record], known: Mapping[Key, Times]) -> Mapping[Key, Record]:
    """The records with what is known besides. Their versions stay: whoever replaces one writes that
    as well."""
    if not known:
        return records
    return {
        key: replace(record, fields=record.fields.with_(known[key])) if key in known else record
        for key, record in records.items()
    }
