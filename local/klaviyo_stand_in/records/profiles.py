"""The account's profiles and their identifiers."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from local.klaviyo_stand_in.protocol.exchange import Json

IDENTIFIERS = ("email", "phone_number", "external_id", "anonymous_id", "_kx")
"""In the order in which they decide which profile is meant, after Klaviyo's own id."""

ATTRIBUTES = ("first_name", "last_name", "organization", "locale", "title", "image")
LOCATION = (
    "address1", "address2", "city", "country", "latitude", "longitude", "region", "zip",
    "timezone", "ip",
)  # fmt: skip


class Duplicate(Exception):  # noqa: N818
    """The identifiers belong to two profiles. `profile_id` is the second one's id."""

    def __init__(self, profile_id: str) -> None:
        super().__init__(profile_id)
        self.profile_id = profile_id


@dataclass(slots=True)
class Profile:
    """One person.

    `identifiers`, `attributes` and `location` hold what is set, under Klaviyo's names. `consents`
    has SUBSCRIBED or UNSUBSCRIBED by `channel.kind`, for example `email.marketing`; `consented` has
    the time of each one's last change. `suppressions` are those of e-mail marketing by reason, and
    `list_suppressions` the lists that the person has left, both with their times. `updated` changes
    with every write.
    """

    id: str
    created: datetime
    updated: datetime
    identifiers: dict[str, str] = field(default_factory=dict)
    secondary_emails: list[str] = field(default_factory=list)
    attributes: dict[str, Json] = field(default_factory=dict)
    location: dict[str, Json] = field(default_factory=dict)
    properties: dict[str, Json] = field(default_factory=dict)
    consents: dict[str, str] = field(default_factory=dict)
    consented: dict[str, datetime] = field(default_factory=dict)
    suppressions: dict[str, datetime] = field(default_factory=dict)
    list_suppressions: dict[str, datetime] = field(default_factory=dict)

    @property
    def email(self) -> str | None:
        return self.identifiers.get("email")

    @property
    def phone_number(self) -> str | None:
        return self.identifiers.get("phone_number")

    @property
    def external_id(self) -> str | None:
        return self.identifiers.get("external_id")


class Profiles:
    """Profiles by id and by each identifier. The case of e-mail addresses is ignored."""

    def __init__(self) -> None:
        self._by_id: dict[str, Profile] = {}
        self._by_identifier: dict[tuple[str, str], Profile] = {}
        self._twins: dict[tuple[str, str], list[Profile]] = {}
        self._merged: dict[str, str] = {}
        self._created = 0

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[Profile]:
        return iter(list(self._by_id.values()))

    def get(self, profile_id: str) -> Profile | None:
        """By Klaviyo's id. The id of a merged profile leads to its destination."""
        return self._by_id.get(self._merged.get(profile_id, profile_id))

    def by(self, identifier: str, value: str) -> Profile | None:
        """By one of `IDENTIFIERS`."""
        return self._by_identifier.get(_key(identifier, value))

    def all_by(self, identifier: str, value: str) -> list[Profile]:
        """Every profile with this identifier. The first one is written to."""
        key = _key(identifier, value)
        owner = self._by_identifier.get(key)
        return [] if owner is None else [owner, *self._twins.get(key, ())]

    def add_twin(self, external_id: str, email: str, now: datetime) -> Profile:
        """Add a further profile with another one's external id.

        Klaviyo does not merge profiles by external id, so there can be several
        (https://developers.klaviyo.com/en/docs/guide_to_identity_resolution).
        """
        twin = self._create(now)
        self._own(twin, "email", email)
        twin.identifiers["external_id"] = external_id
        self._twins.setdefault(_key("external_id", external_id), []).append(twin)
        return twin

    def by_email(self, email: str) -> Profile | None:
        """The profile with this address among its addresses."""
        return self.by("email", email)

    def by_phone_number(self, phone_number: str) -> Profile | None:
        return self.by("phone_number", phone_number)

    def by_external_id(self, external_id: str) -> Profile | None:
        return self.by("external_id", external_id)

    def matching(self, resource: Mapping[str, Any]) -> list[Profile]:
        """The profiles that a resource's id and identifiers belong to, strongest first."""
        found: dict[str, Profile] = {}
        by_id = self.get(resource["id"]) if resource.get("id") else None
        if by_id is not None:
            found[by_id.id] = by_id
        attributes = resource["attributes"]
        for name in IDENTIFIERS:
            value = attributes.get(name)
            owner = self._by_identifier.get(_key(name, value)) if value else None
            if owner is not None:
                found[owner.id] = owner
        return list(found.values())

    def upsert(
        self,
        resource: Mapping[str, Any],
        now: datetime,
        *,
        clears: bool = False,
        strict: bool = False,
    ) -> tuple[Profile, bool]:
        """Create or update the resource's profile; also says whether it was created.

        Absent fields stay. `null` clears a field if `clears`, and is ignored otherwise. If the
        identifiers belong to several profiles, `strict` raises `Duplicate`; otherwise the strongest
        profile is used, and the others keep their identifiers.
        """
        matching = self.matching(resource)
        if strict and len(matching) > 1:
            raise Duplicate(matching[1].id)
        profile = matching[0] if matching else self._create(now)
        attributes = resource["attributes"]
        self._identify(profile, attributes, clears)
        for name in ATTRIBUTES:
            if name in attributes:
                _put(profile.attributes, name, attributes[name], clears)
        self._locate(profile, attributes, clears)
        profile.properties.update(attributes.get("properties") or {})
        self._patch(profile, resource.get("meta") or {})
        profile.updated = now
        return profile, not matching

    def merge(self, source: Profile, destination: Profile, now: datetime) -> None:
        """Copy what only the source has to the destination, and delete the source."""
        self.delete(source)
        for identifier, value in source.identifiers.items():
            if identifier not in destination.identifiers:
                self._own(destination, identifier, value)
        pairs: tuple[tuple[dict[str, Any], dict[str, Any]], ...] = (
            (destination.attributes, source.attributes),
            (destination.location, source.location),
            (destination.properties, source.properties),
            (destination.consents, source.consents),
            (destination.consented, source.consented),
            (destination.suppressions, source.suppressions),
            (destination.list_suppressions, source.list_suppressions),
        )
        for mine, theirs in pairs:
            mine.update({name: value for name, value in theirs.items() if name not in mine})
        self._merged[source.id] = destination.id
        destination.updated = now

    def delete(self, profile: Profile) -> None:
        """Delete the profile."""
        del self._by_id[profile.id]
        for identifier, value in profile.identifiers.items():
            self._release(profile, _key(identifier, value))
        for address in profile.secondary_emails:
            del self._by_identifier[_key("email", address)]

    def _release(self, profile: Profile, key: tuple[str, str]) -> None:
        """Release the profile's identifier. A twin of it keeps it."""
        twins = self._twins.get(key, [])
        if profile in twins:
            twins.remove(profile)
        elif twins:
            self._by_identifier[key] = twins.pop(0)
        else:
            del self._by_identifier[key]

    def _create(self, now: datetime) -> Profile:
        self._created += 1
        profile = Profile(f"01STANDIN{self._created:017X}", now, now)
        self._by_id[profile.id] = profile
        return profile

    def _identify(self, profile: Profile, attributes: Mapping[str, Any], clears: bool) -> None:
        for name in IDENTIFIERS:
            if name not in attributes:
                continue
            value = attributes[name]
            if value:
                if self._by_identifier.get(_key(name, value)) is None:
                    self._disown(profile, name)
                    self._own(profile, name, value)
            elif clears:
                self._disown(profile, name)

    def _own(self, profile: Profile, identifier: str, value: str) -> None:
        profile.identifiers[identifier] = value
        self._by_identifier[_key(identifier, value)] = profile

    def _disown(self, profile: Profile, identifier: str) -> None:
        value = profile.identifiers.pop(identifier, None)
        if value is not None:
            self._release(profile, _key(identifier, value))

    def _locate(self, profile: Profile, attributes: Mapping[str, Any], clears: bool) -> None:
        location = attributes.get("location", {})
        if location is None:
            if clears:
                profile.location.clear()
            return
        for name, value in location.items():
            _put(profile.location, name, value, clears)

    def _patch(self, profile: Profile, meta: Mapping[str, Any]) -> None:
        patch = meta.get("patch_properties") or {}
        for name, value in (patch.get("append") or {}).items():
            profile.properties[name] = _as_list(profile.properties.get(name)) + _as_list(value)
        for name, value in (patch.get("unappend") or {}).items():
            if name in profile.properties:
                kept = [
                    one for one in _as_list(profile.properties[name]) if one not in _as_list(value)
                ]
                profile.properties[name] = kept
        for name in _as_list(patch.get("unset")):
            profile.properties.pop(name, None)
        addresses = meta.get("patch_identifiers") or {}
        for address in _as_list(addresses.get("append", {}).get("email")):
            if self.by_email(address) is None:
                profile.secondary_emails.append(address)
                self._by_identifier[_key("email", address)] = profile
        for address in _as_list(addresses.get("unappend", {}).get("email")):
            if address in profile.secondary_emails:
                profile.secondary_emails.remove(address)
                del self._by_identifier[_key("email", address)]


def _key(identifier: str, value: str) -> tuple[str, str]:
    return identifier, value.lower() if identifier == "email" else value


def _put(known: dict[str, Json], name: str, value: Json, clears: bool) -> None:
    if value is not None:
        known[name] = value
    elif clears:
        known.pop(name, None)


def _as_list(value: Json) -> list[Json]:
    if value is None:
        return []
    return list(value) if isinstance(value, list) else [value]
