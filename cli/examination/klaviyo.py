"""What `doctor` asks of Klaviyo: the key, its scopes, lists, metrics in use, and the revision."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from functools import cached_property
from urllib.parse import quote

from cli.examination.check import Check, Health
from cli.klaviyo.account import KlaviyoAccount, owner_in
from cli.klaviyo.asking import Inquirer, Reply
from cli.klaviyo.endpoints import GET_ACCOUNTS, GET_METRICS
from cli.klaviyo.scopes import ANSWERS_BELOW, DELETION, METRICS, PROBES, examine
from cli.terminal import counted
from klaviyo_client.api.answers import TOO_MANY_REQUESTS, Answer, next_page, resources
from klaviyo_client.api.endpoints import GET_LISTS
from klaviyo_client.api.outcomes import Retryable, RetryReason
from klaviyo_client.api.revision import REVISION, deprecated_from, released, retired_from
from klaviyo_mapping.settings.settings import Settings

MOST_METRICS = 200
"""So many an account can have. What becomes of an event of a further one is not said there:
https://help.klaviyo.com/hc/en-us/articles/115005076787"""

MANY_METRICS = 180

UNANSWERED = "not checked: Klaviyo did not accept the key"


class KlaviyoExamination:
    """The checks that need Klaviyo. Without its address or a key none of them can be made."""

    def __init__(
        self,
        api_url: str | None,
        key: str | None,
        settings: Settings | None,
        on_pause: Callable[[float], None],
    ) -> None:
        self._api_url = api_url
        self._key = key
        self._settings = settings or Settings()
        self._on_pause = on_pause
        self._knows_key = False
        self._unasked = UNANSWERED

    def key(self) -> Iterator[Check]:
        """Whether Klaviyo knows the key, and whose it is."""
        if self._api_url is None or self._key is None:
            lacking = "a key" if self._key is None else "an address that can be read"
            self._unasked = f"not checked without {lacking}"
            yield Check("Klaviyo", Health.UNKNOWN, self._unasked)
            return
        reply = self._inquirer.ask(GET_ACCOUNTS.method, GET_ACCOUNTS.path)
        owner = owner_in(reply)
        if owner is None:
            trouble = _trouble("Klaviyo", reply, self._api_url)
            if trouble.health is Health.UNKNOWN:
                throttles = isinstance(reply, Answer) and reply.status == TOO_MANY_REQUESTS
                said = "Klaviyo throttles" if throttles else "Klaviyo cannot be reached"
                self._unasked = f"not checked: {said}"
            yield trouble
            return
        self._knows_key = True
        known = f"knows the key: {owner}" if owner.public_key else f"{self._api_url} knows the key"
        yield Check("Klaviyo", Health.GOOD, known)

    def scopes(self) -> Iterator[Check]:
        """Whether the key has the scopes that the settings need."""
        if not self._knows_key:
            yield Check("scopes", Health.UNKNOWN, self._unasked)
            return
        probes = (*PROBES, DELETION) if self._settings.forward_deletions else PROBES
        found = examine(self._inquirer, probes)
        if found.lacking:
            remedy = "make a key with every scope in docs/settings.md, and put it into the secret"
            lacking = ", ".join(found.lacking)
            yield Check("scopes", Health.BAD, f"the key lacks {lacking}", remedy)
        elif found.unanswered is None:
            yield Check("scopes", Health.GOOD, ", ".join(probe.scope for probe in probes))
        if found.unanswered is not None:
            probe, reply = found.unanswered
            yield _trouble("scopes", reply, probe.scope)

    def lists(self) -> Iterator[Check]:
        """Whether there are the lists that settings name, and whether they ask who joins."""
        table = self._settings.audience_lists
        wanted = dict.fromkeys(
            table.values() if isinstance(table, Mapping) else (), "AUDIENCE_LISTS"
        )
        if self._settings.list_id is not None:
            wanted[self._settings.list_id] = "LIST_ID"
        if wanted and not self._knows_key:
            yield Check("list", Health.UNKNOWN, self._unasked)
            return
        for begin in range(0, len(wanted), GET_LISTS.max_items):
            part = dict(list(wanted.items())[begin : begin + GET_LISTS.max_items])
            yield from self._named_lists(part)
        if self._settings.list_id is None:
            yield from self._lists_of_messages()

    def _named_lists(self, wanted: Mapping[str, str]) -> Iterator[Check]:
        """Lists by their ids, each with the setting that names it."""
        condition = quote(f"any(id,{json.dumps(list(wanted))})", safe="")
        reply = self._inquirer.ask(
            "GET", f"{GET_LISTS.path}?filter={condition}&page%5Bsize%5D={GET_LISTS.max_items}"
        )
        if isinstance(reply, Retryable) or reply.status != 200:
            yield _trouble("list", reply, ", ".join(wanted))
            return
        there = dict(resources(reply))
        for list_id, setting in wanted.items():
            if list_id not in there:
                remedy = (
                    f"set {setting} to an id of Lists & Segments in Klaviyo (in the list's URL)"
                )
                yield Check("list", Health.BAD, f"there is no list {list_id}", remedy)
                continue
            opt_in = there[list_id].get("opt_in_process")
            found = f"{list_id} is {there[list_id].get('name')} ({opt_in})"
            is_to_ask = setting == "LIST_ID" and self._settings.confirm_optin
            if is_to_ask and opt_in == SINGLE:
                yield Check("list", Health.DOUBTFUL, found, ASKS_NOBODY)
            else:
                yield Check("list", Health.GOOD, found)

    def _lists_of_messages(self) -> Iterator[Check]:
        """Without LIST_ID a message may name any list. Warn of those that ask nobody to confirm."""
        unset = "LIST_ID is not set: people join only the lists that messages name"
        if not self._settings.confirm_optin:
            yield Check("list", Health.SKIPPED, unset)
            return
        if not self._knows_key:
            yield Check("list", Health.UNKNOWN, self._unasked)
            return
        single: list[str] = []
        query = f"?page%5Bsize%5D={GET_LISTS.max_items}"
        for _ in range(MOST_PAGES):
            reply = self._inquirer.ask("GET", GET_LISTS.path + query)
            if isinstance(reply, Retryable) or reply.status != 200:
                yield _trouble("list", reply, "the account's lists")
                return
            single += [
                f"{attributes.get('name')} ({list_id})"
                for list_id, attributes in resources(reply)
                if attributes.get("opt_in_process") == SINGLE
            ]
            following = next_page(reply)
            if following is None:
                break
            query = following
        if not single:
            yield Check("list", Health.SKIPPED, f"{unset}; each list of the account asks")
            return
        named = _some(single)
        yield Check("list", Health.DOUBTFUL, f"{unset}; single opt-in: {named}", OWN_LISTS)

    def metrics(self) -> Iterator[Check]:
        """How many of the account's metrics are in use."""
        if not self._knows_key:
            yield Check("metrics", Health.UNKNOWN, self._unasked)
            return
        found = examine(self._inquirer, (METRICS,))
        if found.lacking:
            remedy = "give the key metrics:read to have them counted"
            yield Check("metrics", Health.SKIPPED, "not counted: no metrics:read", remedy)
            return
        if found.unanswered is not None:
            yield _trouble("metrics", found.unanswered[1], METRICS.scope)
            return
        number = sum(1 for _ in KlaviyoAccount(self._inquirer).read_all(GET_METRICS))
        said = f"{number:,} of {MOST_METRICS} in use"
        if number >= MANY_METRICS:
            yield Check("metrics", Health.DOUBTFUL, said, FEWER_METRICS)
        else:
            yield Check("metrics", Health.GOOD, said)

    @cached_property
    def _inquirer(self) -> Inquirer:
        return Inquirer(self._api_url or "", self._key or "", self._on_pause)


SINGLE = "single_opt_in"
MOST_PAGES = 100

ASKS_NOBODY = "CONFIRM_OPTIN is true, but this list asks nobody: make it double opt-in there"
OWN_LISTS = (
    "a message that names one of these asks nobody: make it double opt-in, or name it in none"
)
FEWER_METRICS = (
    "Klaviyo drops events of a metric beyond the limit: leave events out with rules, or rename "
    "several to one"
)


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return f"{', '.join(names[:5])}{more}"


def revision_check(today: date) -> Check:
    """How old the revision of Klaviyo's API is that this release speaks, and how long it lives."""
    deprecated, retired = deprecated_from(), retired_from()
    age = counted((today - released()).days, "day")
    if today >= retired:
        found = f"{REVISION}, {age} old: Klaviyo has retired it, on {retired}"
        return Check("revision", Health.BAD, found, "upgrade at once, see docs/operating.md")
    if today >= deprecated:
        found = f"{REVISION}, {age} old: deprecated; Klaviyo retires it on {retired}"
        return Check("revision", Health.DOUBTFUL, found, "upgrade before then")
    found = f"{REVISION}, {age} old; Klaviyo deprecates it on {deprecated}, retires it on {retired}"
    return Check("revision", Health.GOOD, found)


def _trouble(name: str, reply: Reply, about: str) -> Check:
    """The problem and its remedy."""
    if isinstance(reply, Retryable):
        if reply.reason is RetryReason.UNAUTHORIZED:
            return Check(name, Health.BAD, "the key cannot be sent at all", "is it pasted whole?")
        remedy = "see the network, KLAVIYO_API_URL and status.klaviyo.com"
        return Check(name, Health.UNKNOWN, f"no answer ({reply.reason.value}, {about})", remedy)
    if reply.status in (400, 401):
        remedy = "put a valid private key (pk_…) into the secret"
        return Check(name, Health.BAD, f"Klaviyo does not know the key ({reply.status})", remedy)
    if reply.status == TOO_MANY_REQUESTS:
        found = f"not checked: Klaviyo throttles (429, {about})"
        return Check(name, Health.UNKNOWN, found, "run it again in a minute")
    remedy = "see status.klaviyo.com, and try again"
    health = Health.UNKNOWN if reply.status >= ANSWERS_BELOW else Health.BAD
    return Check(name, health, f"Klaviyo answers {reply.status} ({about})", remedy)
