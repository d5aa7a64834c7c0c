"""What an operation says about a person, field by field, so that operations can be compared. Pure.

A field is one trait, one list's membership or one channel's consent, of the person whom one
identifier names. If two operations decide a field, the one with the later message time wins, in
whichever order they are sent.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from klaviyo_client.people.persons import SHARED_BY_SEVERAL, identifiers
from klaviyo_client.short_cache import MOST_FIELDS, cached_if_short
from operations import (
    AddToList,
    DeleteProfile,
    Identity,
    JsonObject,
    Operation,
    RemoveFromList,
    Subscribe,
    Unsubscribe,
    UpsertProfile,
    channels_of,
    with_channels,
)
from operations.channels import identifier_of

Key = tuple[str, str]
"""An identifier: its name and its value."""

Fields = tuple[Key, tuple[str, ...]]

LOCATION = "location"

CHANGING = ("external_id", "phone_number")
"""Identifiers that an e-mail address may get a new one of. Beside an address they are traits."""


IDENTIFYING = frozenset(f"i {name}" for name in CHANGING)
"""Their fields."""

CONSENT = "consent"
"""Decided by everything about a person's consents, so that two of these are never under way at
once: a subscription that Klaviyo takes last would undo an opt-out."""


GIVEN, UNSUBSCRIBED = "given", "unsubscribed"
"""What was said about a list, on one of the channels."""


class Stake(Struct, frozen=True):
    """`sets` are the fields that the operation decides, `against` those that, said later, decide
    against it: the same ones, or their opposites."""

    sets: Sequence[Fields]
    against: Sequence[Fields]


Staked = UpsertProfile | AddToList | RemoveFromList | Subscribe | Unsubscribe
"""What can come too late. An event stays what it was; deletions and merges have no opposite."""


def stake_of(operation: Operation) -> Stake | None:
    """What the operation is about; `None` for what cannot come too late."""
    if isinstance(operation, UpsertProfile):
        names = _fields_of(operation)
        each: list[Fields] = [(key, names) for key in own_keys(operation.identity)]
        together = _together(operation.identity)
        return Stake([*each, *together] if together else each, each)
    if isinstance(operation, AddToList | RemoveFromList):
        keys = own_keys(operation.identity)
        of_list = _list_of(operation)
        joined, left = f"join {of_list}", f"leave {of_list}"
        if isinstance(operation, RemoveFromList):
            return Stake([(key, (left,)) for key in keys], [(key, (joined,)) for key in keys])
        against = (left, f"{UNSUBSCRIBED} {of_list}")
        return Stake([(key, (joined,)) for key in keys], [(key, against) for key in keys])
    if isinstance(operation, Subscribe):
        return _of_subscription(operation)
    if isinstance(operation, Unsubscribe):
        if operation.list_id is None:
            channels = by_channel(operation)
            return Stake(
                [(key, (f"off {channel}", CONSENT)) for channel, key in channels],
                [(key, (f"on {channel}",)) for channel, key in channels],
            )
        key, of_list = subscriber(operation), operation.list_id
        gone = (
            f"{UNSUBSCRIBED} {of_list}",
            *of_each(UNSUBSCRIBED, of_list, channels_of(operation)),
        )
        sets: list[Fields] = [(each, (CONSENT,)) for _, each in by_channel(operation)]
        return Stake([(key, gone), *sets], [(key, of_each(GIVEN, of_list, channels_of(operation)))])
    if isinstance(operation, DeleteProfile):
        # It never comes too late, but a later subscription of the person counts as the first.
        return Stake([(key, ("deleted",)) for key in own_keys(operation.identity)], [])
    return None


def _of_subscription(operation: Subscribe) -> Stake:
    """An identify's subscription is not a consent: it only joins a list, and any opt-out wins."""
    channels = by_channel(operation)
    sets: list[Fields] = [(key, (CONSENT,)) for _, key in channels]
    against: list[Fields] = [(key, (f"off {channel}",)) for channel, key in channels]
    if operation.is_consent:
        sets += [(key, (f"on {channel}",)) for channel, key in channels]
    if operation.list_id is not None:
        key, of_list = subscriber(operation), operation.list_id
        given = of_each(GIVEN, of_list, channels_of(operation)) if operation.is_consent else ()
        gone = of_each(UNSUBSCRIBED, of_list, channels_of(operation))
        sets.append((key, (f"join {of_list}", *given)))
        against.append((key, (f"leave {of_list}", *gone)))
    return Stake(sets, against)


def own_keys(identity: Identity) -> list[Key]:
    """The identifiers that people do not share; the shared ones if there is no other."""
    keys = identifiers(identity)
    return [key for key in keys if key[0] not in SHARED_BY_SEVERAL] or keys


def of_each(what: str, list_id: str, channels: Iterable[str]) -> tuple[str, ...]:
    """The fields of a list's channels."""
    return tuple(f"{what} {list_id} {channel}" for channel in channels)


def subscriber(operation: Subscribe | Unsubscribe) -> Key:
    """Who joins or leaves a list: the address, or else the number."""
    if operation.email is not None:
        return "email", operation.email.lower()
    return "phone_number", operation.phone_number or ""


def by_channel(operation: Subscribe | Unsubscribe) -> list[tuple[str, Key]]:
    """Each channel with the identifier that its consent belongs to."""
    found = []
    for channel in channels_of(operation):
        is_phone = identifier_of(channel) == "phone_number" and operation.phone_number is not None
        key = ("phone_number", operation.phone_number or "") if is_phone else subscriber(operation)
        found.append((channel, key))
    return found


def _list_of(step: AddToList | RemoveFromList) -> str:
    """What names the list: a step on a named list keeps its name once the id is found."""
    return step.list_id or "" if step.list_name is None else f"named {step.list_name}"


def _fields_of(operation: UpsertProfile) -> tuple[str, ...]:
    location = operation.attributes.get(LOCATION)
    identity = operation.identity
    changing: tuple[str, ...] = ()
    if identity.email is not None and (identity.external_id or identity.phone_number):
        changing = tuple([name for name in CHANGING if getattr(identity, name) is not None])
    return _names(
        tuple(operation.properties) + operation.unset,
        tuple(operation.attributes),
        tuple(location) if isinstance(location, dict) else None,
        changing,
    )


@cached_if_short(MOST_FIELDS, entries=512)
def _names(
    properties: tuple[str, ...],
    attributes: tuple[str, ...],
    location: tuple[str, ...] | None,
    changing: tuple[str, ...],
) -> tuple[str, ...]:
    """The fields' names. Most messages of a batch have the same traits."""
    names = [f"a {name}" for name in attributes]
    if location is not None:
        names.remove(f"a {LOCATION}")
        names += [f"l {name}" for name in location]
    names += [f"p {name}" for name in properties]
    names += [f"i {name}" for name in changing]
    return tuple(names)


def without(operation: UpsertProfile, stale: Collection[str]) -> UpsertProfile | None:
    """The upsert without the fields that a later one has set; `None` if nothing is left of it.

    Values added to or taken from an array are left out where a later one has set the whole: an
    edit does not set it itself, since edits add up in any order.
    """

    def kept(prefix: str, named: JsonObject) -> JsonObject:
        return {name: each for name, each in named.items() if f"{prefix} {name}" not in stale}

    attributes = dict(kept("a", operation.attributes))
    location = attributes.get(LOCATION)
    if isinstance(location, Mapping):
        attributes[LOCATION] = kept("l", location)
        if not attributes[LOCATION]:
            del attributes[LOCATION]
    gone = {name: None for name in CHANGING if f"i {name}" in stale}
    left = replace(
        operation,
        identity=Identity.from_attributes({**operation.identity.attributes(), **gone}),
        attributes=attributes,
        properties=kept("p", operation.properties),
        phone_as_sent={} if "phone_number" in gone else operation.phone_as_sent,
        append=kept("p", operation.append),
        unappend=kept("p", operation.unappend),
        unset=tuple(name for name in operation.unset if f"p {name}" not in stale),
    )
    is_left = _fields_of(left) or left.append or left.unappend
    return left if is_left else None


def edited(operation: UpsertProfile) -> list[str]:
    """The fields of the arrays that the upsert edits where they are."""
    return [f"p {name}" for name in (*operation.append, *operation.unappend)]


Newer = Callable[[Key, str], bool]
"""Whether something later was said about a person's field."""


def what_stands(operation: Staked, stake: Stake, is_newer: Newer) -> Operation | None:
    """What is left of the operation next to all that is newer; `None` if nothing is."""
    if isinstance(operation, UpsertProfile):
        keys = [key for key, _ in stake.against]
        own = [key for key in keys if not _is_of_another(key, operation.identity, is_newer)]
        names = stake.against[0][1] if stake.against else ()
        stale = [
            name
            for name in (*names, *edited(operation))
            if any(is_newer(key, name) for key in (keys if name in IDENTIFYING else own))
        ]
        return without(operation, set(stale)) if stale else operation
    if isinstance(operation, Subscribe | Unsubscribe):
        return _consent_that_stands(operation, is_newer)
    return None if _any_newer(stake.against, is_newer) else operation


def _together(identity: Identity) -> list[Fields]:
    """That the user id has stood beside this address."""
    if identity.email is None or identity.external_id is None:
        return []
    return [(("external_id", identity.external_id), (_beside(identity.email),))]


def _beside(address: str) -> str:
    return f"beside {address.lower()}"


def _is_of_another(key: Key, identity: Identity, is_newer: Newer) -> bool:
    """Whether a newer message has the user id with another address, and none with this one.

    Either several people share the id ("guest"), or the person has a new address. The id belongs
    to the newest address. Without the id, the message is only about the old address.
    """
    return (
        key[0] == "external_id"
        and identity.email is not None
        and is_newer(key, "i external_id")
        and not is_newer(key, _beside(identity.email))
    )


def _consent_that_stands(operation: Subscribe | Unsubscribe, is_newer: Newer) -> Operation | None:
    """The consent on the channels about which nothing later was said."""
    gives, list_id = isinstance(operation, Subscribe), operation.list_id
    if gives and list_id is not None and is_newer(subscriber(operation), f"leave {list_id}"):
        return None

    def is_undone(channel: str, key: Key) -> bool:
        if list_id is not None:
            [of_list] = of_each(UNSUBSCRIBED if gives else GIVEN, list_id, [channel])
            if is_newer(subscriber(operation), of_list):
                return True
        off = "off" if gives else "on"
        return (gives or list_id is None) and is_newer(key, f"{off} {channel}")

    channels = by_channel(operation)
    left = tuple(channel for channel, key in channels if not is_undone(channel, key))
    if not left:
        return None
    return operation if len(left) == len(channels) else with_channels(operation, left)


def _any_newer(fields: Iterable[Fields], is_newer: Newer) -> bool:
    return any(is_newer(key, name) for key, names in fields for name in names)
