"""What an operation says about a person, field by field, so that operations can be compared. Pure.

A field is one trait, one list's membership or one channel's consent, of the person whom one
identifier names. If two operations decide a field, the one with the later message time wins, in
whichever order they are sent.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from klaviyo_client.people import field_names as named
from klaviyo_client.people.persons import Key, identifiers, own
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

Fields = tuple[Key, tuple[str, ...]]

LOCATION = "location"

CHANGING = ("external_id", "phone_number")
"""Identifiers that an e-mail address may get a new one of. Beside an address they are traits."""

IDENTIFYING = frozenset(map(named.identifier, CHANGING))
"""Their fields."""


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
        where = _list_of(operation)
        joined, left = named.joined(where), named.left(where)
        if isinstance(operation, RemoveFromList):
            return _of_all(keys, sets=(left,), against=(joined,))
        unsubscribed = named.of_list(named.UNSUBSCRIBED, where)
        return _of_all(keys, sets=(joined,), against=(left, unsubscribed))
    if isinstance(operation, Subscribe):
        return _of_subscription(operation)
    if isinstance(operation, Unsubscribe):
        if operation.list_id is None:
            channels = by_channel(operation)
            return Stake(
                [(key, (named.off(channel), named.CONSENT)) for channel, key in channels],
                [(key, (named.on(channel),)) for channel, key in channels],
            )
        key, where, about = subscriber(operation), operation.list_id, channels_of(operation)
        gone = named.of_each(named.UNSUBSCRIBED, where, about)
        gone = (named.of_list(named.UNSUBSCRIBED, where), *gone)
        sets: list[Fields] = [(each, (named.CONSENT,)) for _, each in by_channel(operation)]
        return Stake([(key, gone), *sets], [(key, named.of_each(named.GIVEN, where, about))])
    if isinstance(operation, DeleteProfile):
        # It never comes too late, but a later subscription of the person counts as the first.
        return Stake([(key, (named.DELETED,)) for key in own_keys(operation.identity)], [])
    return None


def _of_all(keys: Iterable[Key], *, sets: tuple[str, ...], against: tuple[str, ...]) -> Stake:
    """The same fields of each of these people."""
    return Stake([(key, sets) for key in keys], [(key, against) for key in keys])


def _of_subscription(operation: Subscribe) -> Stake:
    """An identify's subscription is not a consent: it only joins a list, and any opt-out wins."""
    channels = by_channel(operation)
    sets: list[Fields] = [(key, (named.CONSENT,)) for _, key in channels]
    against: list[Fields] = [(key, (named.off(channel),)) for channel, key in channels]
    if operation.is_consent:
        sets += [(key, (named.on(channel),)) for channel, key in channels]
    if operation.list_id is not None:
        key, where, about = subscriber(operation), operation.list_id, channels_of(operation)
        given = named.of_each(named.GIVEN, where, about) if operation.is_consent else ()
        gone = named.of_each(named.UNSUBSCRIBED, where, about)
        sets.append((key, (named.joined(where), *given)))
        against.append((key, (named.left(where), *gone)))
    return Stake(sets, against)


def own_keys(identity: Identity) -> list[Key]:
    """The identifiers by which what is said of a person is compared."""
    return own(identifiers(identity))


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
    names = [named.attribute(name) for name in attributes]
    if location is not None:
        names.remove(named.attribute(LOCATION))
        names += map(named.part_of_location, location)
    names += map(named.custom, properties)
    names += map(named.identifier, changing)
    return tuple(names)


def without(operation: UpsertProfile, stale: Collection[str]) -> UpsertProfile | None:
    """The upsert without the fields that a later one has set; `None` if nothing is left of it.

    Values added to or taken from an array are left out where a later one has set the whole: an
    edit does not set it itself, since edits add up in any order.
    """

    def kept(field: Callable[[str], str], values: JsonObject) -> JsonObject:
        return {name: each for name, each in values.items() if field(name) not in stale}

    attributes = dict(kept(named.attribute, operation.attributes))
    location = attributes.get(LOCATION)
    if isinstance(location, Mapping):
        attributes[LOCATION] = kept(named.part_of_location, location)
        if not attributes[LOCATION]:
            del attributes[LOCATION]
    gone = {name: None for name in CHANGING if named.identifier(name) in stale}
    rest = replace(
        operation,
        identity=Identity.from_attributes({**operation.identity.attributes(), **gone}),
        attributes=attributes,
        properties=kept(named.custom, operation.properties),
        phone_as_sent={} if "phone_number" in gone else operation.phone_as_sent,
        append=kept(named.custom, operation.append),
        unappend=kept(named.custom, operation.unappend),
        unset=tuple(name for name in operation.unset if named.custom(name) not in stale),
    )
    return rest if _fields_of(rest) or rest.append or rest.unappend else None


def edited(operation: UpsertProfile) -> list[str]:
    """The fields of the arrays that the upsert edits where they are."""
    return [named.custom(name) for name in (*operation.append, *operation.unappend)]


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
    return [(("external_id", identity.external_id), (named.beside(identity.email),))]


def _is_of_another(key: Key, identity: Identity, is_newer: Newer) -> bool:
    """Whether a newer message has the user id with another address, and none with this one.

    Either several people share the id ("guest"), or the person has a new address. The id belongs
    to the newest address. Without the id, the message is only about the old address.
    """
    return (
        key[0] == "external_id"
        and identity.email is not None
        and is_newer(key, named.identifier("external_id"))
        and not is_newer(key, named.beside(identity.email))
    )


def _consent_that_stands(operation: Subscribe | Unsubscribe, is_newer: Newer) -> Operation | None:
    """The consent on the channels about which nothing later was said."""
    gives, list_id = isinstance(operation, Subscribe), operation.list_id
    if gives and list_id is not None and is_newer(subscriber(operation), named.left(list_id)):
        return None

    def is_undone(channel: str, key: Key) -> bool:
        if list_id is not None:
            [opposite] = named.of_each(
                named.UNSUBSCRIBED if gives else named.GIVEN, list_id, [channel]
            )
            if is_newer(subscriber(operation), opposite):
                return True
        undone = named.off if gives else named.on
        return (gives or list_id is None) and is_newer(key, undone(channel))

    channels = by_channel(operation)
    stand = tuple(channel for channel, key in channels if not is_undone(channel, key))
    if not stand:
        return None
    return operation if len(stand) == len(channels) else with_channels(operation, stand)


def _any_newer(fields: Iterable[Fields], is_newer: Newer) -> bool:
    return any(is_newer(key, name) for key, names in fields for name in names)
