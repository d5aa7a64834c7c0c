"""Which scopes a key has, tried with requests that change nothing.

The scopes that write are tried with an empty request: Klaviyo looks at the key's scopes first and
refuses the request as invalid after that.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from cli.klaviyo.asking import Inquirer, Reply
from cli.klaviyo.endpoints import GET_EVENTS, GET_METRICS
from klaviyo_client.api.answers import TOO_MANY_REQUESTS, Answer
from klaviyo_client.api.endpoints import (
    BULK_IMPORT_PROFILES,
    CREATE_EVENT,
    GET_LISTS,
    GET_PROFILES,
    REQUEST_DELETION,
    SUBSCRIBE_PROFILES,
    UPSERT_PROFILE,
    Endpoint,
)
from klaviyo_client.api.outcomes import Retryable

ANSWERS_BELOW = 500


@dataclass(frozen=True, slots=True)
class Probe:
    """A request that only a key with the scope is let through with."""

    scope: str
    endpoint: Endpoint
    query: str = ""


PROBES = (
    Probe("events:write", CREATE_EVENT),
    Probe("profiles:read", GET_PROFILES, "?page%5Bsize%5D=1"),
    Probe("profiles:write", UPSERT_PROFILE),
    Probe("lists:read", GET_LISTS),
    Probe("lists:write", BULK_IMPORT_PROFILES),
    Probe("subscriptions:write", SUBSCRIBE_PROFILES),
)
"""The scopes that `docs/settings.md` lists. A request that needs several scopes comes after those
that need one of them."""

DELETION = Probe("data-privacy:write", REQUEST_DELETION)
"""What `FORWARD_DELETIONS` needs in addition, and `rehearse`."""

EVENTS = Probe("events:read", GET_EVENTS, "?page%5Bsize%5D=1")
"""What `rehearse` needs in addition."""

METRICS = Probe("metrics:read", GET_METRICS)
"""What `compare` needs, and `doctor` to count the metrics."""


@dataclass(frozen=True, slots=True)
class Scopes:
    """What the probes found. `unanswered` is the first that Klaviyo left open, and its reply."""

    lacking: tuple[str, ...]
    unanswered: tuple[Probe, Reply] | None = None


def examine(inquirer: Inquirer, probes: Iterable[Probe]) -> Scopes:
    """Try the probes in order, up to one that stays unanswered."""
    lacking: list[str] = []
    for probe in probes:
        reply = inquirer.ask(probe.endpoint.method, probe.endpoint.path + probe.query)
        if isinstance(reply, Retryable) or _is_open(reply):
            return Scopes(tuple(lacking), (probe, reply))
        if reply.status in (401, 403):
            lacking.append(probe.scope)
    return Scopes(tuple(lacking))


def _is_open(reply: Answer) -> bool:
    return reply.status == TOO_MANY_REQUESTS or reply.status >= ANSWERS_BELOW
