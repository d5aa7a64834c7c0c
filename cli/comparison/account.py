"""What a Klaviyo account has: metrics, lists, and properties of a sample of people and events."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice

from cli.comparison.facts import Facts, Properties
from cli.klaviyo.account import KlaviyoAccount
from cli.klaviyo.endpoints import GET_EVENTS, GET_METRICS
from klaviyo_client.api.endpoints import GET_LISTS, GET_PROFILES
from klaviyo_client.api.queries import encoded

OURS = frozenset({"API", "Segment"})
"""The integrations whose metrics a connection by Segment has made; a shop's or Klaviyo's own go on
without it."""

EVENTS_OF_A_METRIC = 50


@dataclass(slots=True)
class Holdings:
    """`others` names the metrics of other integrations."""

    facts: Facts = field(default_factory=Facts)
    others: set[str] = field(default_factory=set)
    sampled_people: int = 0


def holdings(account: KlaviyoAccount, people: int) -> tuple[Holdings, dict[str, str]]:
    """What the account has, with so many people looked at; and the id of each metric."""
    found = Holdings()
    ids: dict[str, str] = {}
    for metric in account.read_all(GET_METRICS):
        name = str(metric.attributes.get("name"))
        integration = metric.attributes.get("integration")
        made_by = integration.get("name") if isinstance(integration, dict) else None
        ids[name] = metric.id
        if made_by is None or made_by in OURS:
            found.facts.metrics[name] = 0
        else:
            found.others.add(name)
    for each in account.read_all(GET_LISTS, f"?page%5Bsize%5D={GET_LISTS.max_items}"):
        found.facts.lists[each.id] = str(each.attributes.get("name"))
    query = f"?page%5Bsize%5D={GET_PROFILES.max_items}"
    for person in islice(account.read_all(GET_PROFILES, query), people):
        found.sampled_people += 1
        properties = person.attributes.get("properties")
        found.facts.people.add(properties if isinstance(properties, dict) else {})
    return found, ids


def add_events(account: KlaviyoAccount, found: Holdings, ids: Iterable[tuple[str, str]]) -> None:
    """Look at some events of each of these metrics, by name and id."""
    for name, metric_id in ids:
        query = (
            f"?filter=equals(metric_id%2C{encoded(metric_id).decode()})"
            f"&page%5Bsize%5D={EVENTS_OF_A_METRIC}"
        )
        seen = found.facts.of_events.setdefault(name, Properties())
        for event in account.read(GET_EVENTS, query):
            properties = event.attributes.get("event_properties")
            seen.add(properties if isinstance(properties, dict) else {})
