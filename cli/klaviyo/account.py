"""What one Klaviyo account holds, read page by page, and the little that the terminal changes."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cli.klaviyo.asking import Inquirer, Reply
from cli.klaviyo.endpoints import GET_ACCOUNTS
from cli.troubles import Misuse, Trouble
from klaviyo_client.api.answers import TOO_MANY_REQUESTS, Answer, next_page, outcome_of, resources
from klaviyo_client.api.endpoints import Endpoint
from klaviyo_client.api.outcomes import Delivered, Retryable, RetryReason


@dataclass(frozen=True, slots=True)
class Resource:
    """One JSON:API resource. `related` holds the id of each relationship to one other."""

    id: str
    attributes: Mapping[str, Any]
    related: Mapping[str, str]


class KlaviyoAccount:
    """The account that a key opens. Raises `Trouble` for any but the documented answer."""

    def __init__(self, inquirer: Inquirer) -> None:
        self._inquirer = inquirer

    def read(self, endpoint: Endpoint, query: str = "", resource_id: str = "") -> list[Resource]:
        """What the first page holds."""
        return _listed(self._page(endpoint, query, resource_id))

    def read_all(
        self, endpoint: Endpoint, query: str = "", resource_id: str = ""
    ) -> Iterator[Resource]:
        """What all pages hold, page by page."""
        following: str | None = query
        while following is not None:
            answer = self._page(endpoint, following, resource_id)
            yield from _listed(answer)
            following = next_page(answer)

    def send(self, endpoint: Endpoint, body: bytes) -> None:
        """Carry out a request that changes something."""
        reply = self._inquirer.ask(endpoint.method, endpoint.path, body)
        _require(reply, endpoint)

    def _page(self, endpoint: Endpoint, query: str, resource_id: str) -> Answer:
        path = endpoint.path.replace("{id}", resource_id)
        return _require(self._inquirer.ask(endpoint.method, path + query), endpoint)


def _require(reply: Reply, endpoint: Endpoint) -> Answer:
    if isinstance(reply, Retryable) or not isinstance(outcome_of(reply, endpoint), Delivered):
        raise Trouble(explained(reply, endpoint))
    return reply


def explained(reply: Reply, endpoint: Endpoint) -> str:
    """What stands in the way, with the remedy."""
    if isinstance(reply, Retryable):
        if reply.reason is RetryReason.UNAUTHORIZED:
            return "Klaviyo's key cannot be sent at all: is it pasted whole?"
        return (
            f"Klaviyo does not answer ({reply.reason.value}): see the network, KLAVIYO_API_URL and "
            "status.klaviyo.com"
        )
    if isinstance(outcome_of(reply, endpoint), Retryable) and reply.status in (400, 401):
        return f"Klaviyo does not know the key ({reply.status}): name a valid private key (pk_…)"
    if reply.status == 403:
        scopes = ", ".join(sorted(endpoint.scopes))
        return f"the key may not do {endpoint.name} (403): make a key that has {scopes}"
    if reply.status == TOO_MANY_REQUESTS:
        return "Klaviyo throttles (429): run it again in a minute"
    return f"Klaviyo answers {endpoint.name} with {reply.status}: see status.klaviyo.com, try again"


def _listed(answer: Answer) -> list[Resource]:
    data = answer.document.get("data")
    relationships = {
        entry.get("id"): entry.get("relationships")
        for entry in (data if isinstance(data, list) else [data])
        if isinstance(entry, dict)
    }
    return [
        Resource(found_id, attributes, _related(relationships.get(found_id)))
        for found_id, attributes in resources(answer)
    ]


def _related(relationships: Any) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, entry in (relationships if isinstance(relationships, dict) else {}).items():
        data = entry.get("data") if isinstance(entry, dict) else None
        if isinstance(data, dict) and isinstance(data.get("id"), str):
            found[name] = data["id"]
    return found


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose key it is: `public_key` is the account's public API key, `None` if it is not shown."""

    name: str = ""
    public_key: str | None = None
    is_test: bool = False

    def __str__(self) -> str:
        if self.public_key is None:
            return "an account whose name the key may not read (accounts:read)"
        test = ", a test account" if self.is_test else ""
        return f"the account {self.name} ({self.public_key}{test})"


def owner_in(reply: Reply) -> Owner | None:
    """Whose key the answer to GET_ACCOUNTS shows it to be; `None` if Klaviyo does not know it.

    `accounts:read` is not among the scopes that are needed: 403 is said to a key that is known.
    """
    if isinstance(reply, Answer) and reply.status == 403:
        return Owner()
    if isinstance(reply, Retryable) or not 200 <= reply.status < 300:
        return None
    attributes = next((attributes for _, attributes in resources(reply)), {})
    contact = attributes.get("contact_information")
    name = contact.get("organization_name") if isinstance(contact, dict) else None
    public_key = attributes.get("public_api_key")
    return Owner(
        str(name),
        public_key if isinstance(public_key, str) else None,
        bool(attributes.get("test_account")),
    )


def require_same_account(new: Owner, old: Owner) -> None:
    """Raise `Misuse` for keys of two accounts, as far as the keys may tell."""
    if None not in (new.public_key, old.public_key) and new.public_key != old.public_key:
        raise Misuse(f"one key is of {new}, the other of {old}: nothing was done")


def owner_of(inquirer: Inquirer) -> Owner:
    """Whose key it is. Raises `Trouble` when Klaviyo does not know it, or does not answer."""
    reply = inquirer.ask(GET_ACCOUNTS.method, GET_ACCOUNTS.path)
    owner = owner_in(reply)
    if owner is None:
        raise Trouble(explained(reply, GET_ACCOUNTS))
    return owner
