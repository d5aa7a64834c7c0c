"""What Klaviyo holds of one person: profile, events, memberships and consents, as it stands now."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cli.klaviyo.account import KlaviyoAccount, Resource
from cli.klaviyo.endpoints import GET_EVENTS, GET_METRICS
from cli.rehearsal.promise import flat
from klaviyo_client.api import bodies
from klaviyo_client.api.endpoints import GET_LIST_MEMBERS, GET_LISTS, GET_PROFILES, REQUEST_DELETION
from klaviyo_client.api.queries import WITH_CONSENTS, encoded


@dataclass(frozen=True, slots=True)
class RecordedEvent:
    """One event as Klaviyo shows it."""

    metric: str
    properties: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class MailingList:
    """A list, and whether the person is on it."""

    name: str
    opt_in: str
    has_person: bool


@dataclass(frozen=True, slots=True)
class Reality:
    """`profile` has values by their place, as the promise has; it is empty for nobody."""

    profile_id: str | None = None
    profile: Mapping[str, Any] = field(default_factory=dict)
    events: tuple[RecordedEvent, ...] = ()
    lists: Mapping[str, MailingList] = field(default_factory=dict)
    consent: str | None = None
    """To marketing by e-mail: SUBSCRIBED, UNSUBSCRIBED, NEVER_SUBSCRIBED."""


class Witness:
    """Reads one address. Raises `Trouble` when Klaviyo does not answer."""

    def __init__(self, account: KlaviyoAccount, address: str) -> None:
        self._account = account
        self._address = address
        self._metrics: dict[str, str] = {}

    def person(self) -> Resource | None:
        """The profile with the address, if there is one."""
        condition = f"?filter=equals(email%2C{encoded(self._address).decode()})&{WITH_CONSENTS}"
        found = self._account.read(GET_PROFILES, condition)
        return found[0] if found else None

    def look(self, lists: Iterable[str]) -> Reality:
        """All of it; of the `lists`, named by id or by name, whether the person is on them."""
        person = self.person()
        if person is None:
            return Reality()
        attributes = dict(person.attributes)
        subscriptions = attributes.pop("subscriptions", None)
        return Reality(
            person.id,
            flat(attributes),
            tuple(self._events(person.id)),
            {each: self._list(each) for each in lists},
            _consent(subscriptions),
        )

    def delete(self, profile_id: str) -> None:
        """Ask Klaviyo to delete the profile for good."""
        self._account.send(REQUEST_DELETION, bodies.deletion(profile_id))

    def _events(self, profile_id: str) -> Iterable[RecordedEvent]:
        condition = f"?filter=equals(profile_id%2C{encoded(profile_id).decode()})"
        for found in self._account.read_all(GET_EVENTS, condition):
            properties = found.attributes.get("event_properties")
            yield RecordedEvent(
                self._metric(found.related.get("metric", "")),
                properties if isinstance(properties, dict) else {},
            )

    def _metric(self, metric_id: str) -> str:
        if metric_id not in self._metrics:
            self._metrics = {
                each.id: str(each.attributes.get("name"))
                for each in self._account.read_all(GET_METRICS)
            }
        return self._metrics.get(metric_id, metric_id)

    def _list(self, named: str) -> MailingList:
        for field_name in ("id", "name"):
            condition = f"?filter=equals({field_name}%2C{encoded(named).decode()})"
            for found in self._account.read(GET_LISTS, condition):
                wanted = f"?filter=equals(email%2C{encoded(self._address).decode()})"
                members = self._account.read(GET_LIST_MEMBERS, wanted, found.id)
                return MailingList(
                    str(found.attributes.get("name")),
                    str(found.attributes.get("opt_in_process")),
                    bool(members),
                )
        return MailingList("there is no such list", "", False)


def _consent(subscriptions: Any) -> str | None:
    found = subscriptions
    for name in ("email", "marketing", "consent"):
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, str) else None
