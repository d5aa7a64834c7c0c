"""What `doctor` looks at: each check says what it found in one line, and what would help.

The scopes that write are tried with an empty request: Klaviyo looks at the key's scopes first and
refuses the request as invalid after that, so that nothing is changed. What could not be checked is
said to be so, and is never counted as good.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from functools import cached_property
from typing import Any
from urllib.parse import quote

from cli.examination.asking import SECONDS, Inquirer
from cli.options import Context
from cli.terminal import counted
from cli.troubles import Trouble
from handler.aws.credentials import (
    SHORTEST_LEDGER_KEY,
    CredentialStore,
    CredentialsUnavailable,
)
from handler.aws.environment import Environment
from klaviyo_client.api.answers import TOO_MANY_REQUESTS, Answer, resources
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
from klaviyo_client.api.outcomes import Retryable, RetryReason
from klaviyo_client.api.revision import REVISION, deprecated_from, released, retired_from
from klaviyo_mapping.settings.settings import Settings

ANSWERS_BELOW = 500

OUTPUTS = ("WebhookUrl", "CredentialsSecretArn", "RetryQueueUrl", "DeadLetterQueueUrl")
"""What this command and its user need of the stack."""


class Health(StrEnum):
    """How a check ended."""

    GOOD = "good"
    DOUBTFUL = "doubtful"
    """Works, and deserves a look."""
    BAD = "bad"
    UNKNOWN = "unknown"
    """Could not be checked."""
    SKIPPED = "skipped"
    """There is nothing to check."""


@dataclass(frozen=True, slots=True)
class Check:
    """The result of one check. It holds no secret."""

    name: str
    health: Health
    found: str
    remedy: str = ""


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
"""What `FORWARD_DELETIONS` needs in addition."""

MOST_LISTS = GET_LISTS.max_items
"""Lists on one page of Klaviyo's answer."""


class Doctor:
    """Examines a stack, or the environment where none is named.

    `on_pause` is given the seconds for which a check waits, because Klaviyo throttles it.
    """

    def __init__(self, context: Context, on_pause: Callable[[float], None]) -> None:
        self._context = context
        self._on_pause = on_pause
        self._settings: Settings | None = None
        self._key: str | None = None
        self._knows_key = False
        self._unasked = "not checked: Klaviyo did not accept the key"

    def examine(self) -> Iterator[Check]:
        """Every check, one after the other; none of them raises."""
        checks: tuple[tuple[str, Callable[[], Iterable[Check]]], ...] = (
            ("stack", self._look_at_stack),
            ("settings", self._look_at_settings),
            ("secret", self._look_at_secret),
            ("revision", self._look_at_revision),
            ("Klaviyo", self._look_at_key),
            ("scopes", self._look_at_scopes),
            ("lists", self._look_at_lists),
            ("queues", self._look_at_queues),
            ("ledger", self._look_at_ledger),
        )
        for name, look in checks:
            yield from _guarded(name, look)

    def _look_at_stack(self) -> Iterator[Check]:
        stack = self._context.stack
        if stack is None:
            found = "none named: the environment's variables are checked"
            yield Check("stack", Health.SKIPPED, found, "name one with --stack NAME")
            return
        if stack.status.endswith("_COMPLETE") and "ROLLBACK" not in stack.status:
            yield Check("stack", Health.GOOD, f"{stack.name} is {stack.status}")
        else:
            remedy = "see its events: sam list stack-outputs, or CloudFormation's console"
            health = Health.DOUBTFUL if stack.status.endswith("COMPLETE") else Health.BAD
            yield Check("stack", health, f"{stack.name} is {stack.status}", remedy)
        missing = [name for name in OUTPUTS if name not in stack.outputs]
        if missing:
            remedy = "deploy it again with today's template; is it this destination's stack?"
            yield Check("outputs", Health.BAD, f"missing: {', '.join(missing)}", remedy)
        else:
            yield Check("outputs", Health.GOOD, f"all there; webhook {stack.outputs['WebhookUrl']}")

    def _look_at_settings(self) -> Iterator[Check]:
        self._settings = settings = self._context.settings
        default = Settings()
        changed = [
            f"{name.upper()}={_as_text(getattr(settings, name))}"
            for name in Settings.__slots__
            if name != "rules" and getattr(settings, name) != getattr(default, name)
        ]
        if settings.rules is not None:
            file = self._context.variables.get("RULES_FILE", "").strip()
            changed.append(f"RULES_FILE={file}" if file else "RULES")
        yield Check("settings", Health.GOOD, ", ".join(changed) or "the defaults")

    def _look_at_secret(self) -> Iterator[Check]:
        stack, variables = self._context.stack, self._context.variables
        if stack is not None:
            environment = _environment(stack.output("CredentialsSecretArn"), None, None)
        else:
            key = variables.get("KLAVIYO_PRIVATE_KEY", "").strip() or None
            shared = variables.get("SEGMENT_SHARED_SECRET", "").strip() or None
            self._key = key
            missing = [
                name
                for name, value in (("KLAVIYO_PRIVATE_KEY", key), ("SEGMENT_SHARED_SECRET", shared))
                if value is None
            ]
            if missing:
                remedy = "set them, or name a stack"
                found = f"not set: {', '.join(missing)}"
                yield Check("secret", Health.DOUBTFUL if key else Health.BAD, found, remedy)
                return
            environment = _environment(None, key, shared)
        try:
            credentials = CredentialStore(environment, self._fetch, lambda: 0.0).get(SECONDS)
        except CredentialsUnavailable as error:
            yield Check(
                "secret",
                Health.BAD,
                str(error),
                "run `klaviyo-destination secret set --stack NAME`",
            )
            return
        self._key = credentials.klaviyo_private_key
        number = len(credentials.shared_secrets)
        secrets = "one shared secret" if number == 1 else f"{number} shared secrets"
        token = "a webhook token" if credentials.webhook_token else "no webhook token"
        yield Check("secret", Health.GOOD, f"a Klaviyo key, {secrets}, {token}")

    def _fetch(self, _arn: str, _seconds: float) -> str:
        stack = self._context.stack
        return json.dumps({} if stack is None else stack.secret())

    # Klaviyo

    def _look_at_revision(self) -> Iterator[Check]:
        yield revision_check(datetime.now(UTC).date())

    def _look_at_key(self) -> Iterator[Check]:
        if self._key is None:
            self._unasked = "not checked: there is no key"
            yield Check("Klaviyo", Health.UNKNOWN, self._unasked)
            return
        url = self._context.api_url
        reply = self._ask("GET", "/api/accounts")
        self._knows_key = True
        if isinstance(reply, Answer) and 200 <= reply.status < 300:
            yield Check("Klaviyo", Health.GOOD, f"knows the key: {_account(reply.document)}")
        elif isinstance(reply, Answer) and reply.status == 403:
            # accounts:read is not among the scopes that are needed.
            yield Check("Klaviyo", Health.GOOD, f"{url} knows the key")
        else:
            self._knows_key = False
            trouble = _trouble("Klaviyo", reply, url)
            if trouble.health is Health.UNKNOWN:
                self._unasked = "not checked: Klaviyo throttles"
            yield trouble

    def _look_at_scopes(self) -> Iterator[Check]:
        if not self._knows_key:
            yield Check("scopes", Health.UNKNOWN, self._unasked)
            return
        deletes = self._settings is not None and self._settings.forward_deletions
        probes = (*PROBES, DELETION) if deletes else PROBES
        lacking: list[str] = []
        unanswered = None
        for probe in probes:
            reply = self._ask(probe.endpoint.method, probe.endpoint.path + probe.query)
            if _is_no_answer(reply):
                unanswered = _trouble("scopes", reply, probe.scope)
                break
            if isinstance(reply, Answer) and reply.status in (401, 403):
                lacking.append(probe.scope)
        if lacking:
            remedy = "make a key with every scope in docs/settings.md, and put it into the secret"
            yield Check("scopes", Health.BAD, f"the key lacks {', '.join(lacking)}", remedy)
        elif unanswered is None:
            yield Check("scopes", Health.GOOD, ", ".join(probe.scope for probe in probes))
        if unanswered is not None:
            yield unanswered

    def _look_at_lists(self) -> Iterator[Check]:
        settings = self._settings
        audiences = {} if settings is None else settings.audience_lists
        table = audiences if isinstance(audiences, Mapping) else {}
        wanted = dict.fromkeys(table.values(), "AUDIENCE_LISTS")
        if settings is not None and settings.list_id is not None:
            wanted[settings.list_id] = "LIST_ID"
        else:
            yield Check("list", Health.SKIPPED, "LIST_ID is not set: no list but messages' own")
        if wanted and not self._knows_key:
            yield Check("list", Health.UNKNOWN, self._unasked)
            return
        for begin in range(0, len(wanted), MOST_LISTS):
            yield from self._look_at(dict(list(wanted.items())[begin : begin + MOST_LISTS]))

    def _look_at(self, wanted: Mapping[str, str]) -> Iterator[Check]:
        """Lists by their ids, each with the setting that names it."""
        settings = self._settings or Settings()
        named = ", ".join(wanted)
        condition = quote(f"any(id,{json.dumps(list(wanted))})", safe="")
        reply = self._ask("GET", f"/api/lists?filter={condition}&page%5Bsize%5D={MOST_LISTS}")
        if isinstance(reply, Retryable) or reply.status != 200:
            yield _trouble("list", reply, named)
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
            is_to_ask = setting == "LIST_ID" and settings.confirm_optin
            if is_to_ask and opt_in == "single_opt_in":
                remedy = (
                    "CONFIRM_OPTIN is true, but this list asks nobody: make it double opt-in there"
                )
                yield Check("list", Health.DOUBTFUL, found, remedy)
            else:
                yield Check("list", Health.GOOD, found)

    def _ask(self, method: str, path: str) -> Answer | Retryable:
        return self._inquirer.ask(method, path, self._key or "")

    @cached_property
    def _inquirer(self) -> Inquirer:
        return Inquirer(self._context.api_url, self._on_pause)

    # AWS

    def _look_at_queues(self) -> Iterator[Check]:
        from cli.dead_letters.queue import DeadLetterQueue

        stack, variables = self._context.stack, self._context.variables
        url = variables.get("DEAD_LETTER_QUEUE_URL", "") if stack is None else None
        if url == "":
            yield Check("queues", Health.SKIPPED, "DEAD_LETTER_QUEUE_URL is not set")
            return
        dead = DeadLetterQueue(url or (stack.output("DeadLetterQueueUrl") if stack else ""))
        waiting = DeadLetterQueue(
            stack.output("RetryQueueUrl")
            if stack
            else variables.get("RETRY_QUEUE_URL") or dead.retry_queue_url()
        )
        if variables.get("PAUSE") == "on":
            remedy = "`klaviyo-destination resume --stack NAME` ends it"
            yield Check("pause", Health.DOUBTFUL, "nothing is delivered, everything waits", remedy)
        number = waiting.size()
        yield Check("retry queue", Health.GOOD, f"{counted(number, 'SQS message')} waiting")
        number = dead.size()
        if number:
            remedy = "`klaviyo-destination dlq list` says why"
            found = counted(number, "SQS message")
            yield Check("dead letters", Health.DOUBTFUL, found, remedy)
        else:
            yield Check("dead letters", Health.GOOD, "none")

    def _look_at_ledger(self) -> Iterator[Check]:
        from cli.stack.ledger import OUTPUT

        stack = self._context.stack
        if stack is None or OUTPUT not in stack.outputs:
            return
        key = str(stack.secret().get("ledger_key") or "").strip()
        if len(key) < SHORTEST_LEDGER_KEY:
            found = "is off: ledger_key in the secret is missing or too short"
            yield Check("ledger", Health.DOUBTFUL, found, "run `klaviyo-destination secret set`")
        else:
            yield Check("ledger", Health.GOOD, f"is on: {stack.output(OUTPUT)}")


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


def _guarded(name: str, look: Callable[[], Iterable[Check]]) -> Iterator[Check]:
    try:
        yield from look()
    except Trouble as trouble:
        said, _, remedy = str(trouble).rpartition(": ")
        yield Check(name, Health.BAD, said or remedy, remedy if said else "")


def _as_text(value: object) -> str:
    if isinstance(value, tuple):
        return ",".join(value)
    return json.dumps(dict(value)) if isinstance(value, Mapping) else str(value)


def _environment(arn: str | None, key: str | None, shared: str | None) -> Environment:
    """As much of the functions' environment as the secret depends on."""
    return Environment(
        Settings(),
        "",
        "",
        credentials_secret_arn=arn,
        klaviyo_private_key=key,
        segment_shared_secret=shared,
    )


def _account(document: Mapping[str, Any]) -> str:
    listed = document.get("data")
    first = listed[0] if isinstance(listed, list) and listed else {}
    attributes = first.get("attributes", {})
    name = (attributes.get("contact_information") or {}).get("organization_name")
    test = ", a test account" if attributes.get("test_account") else ""
    return f"the account {name} ({attributes.get('public_api_key')}{test})"


def _is_no_answer(reply: Answer | Retryable) -> bool:
    """Whether the reply leaves the question open."""
    if isinstance(reply, Retryable):
        return True
    return reply.status == TOO_MANY_REQUESTS or reply.status >= ANSWERS_BELOW


def _trouble(name: str, reply: Answer | Retryable, about: str) -> Check:
    """The problem and its remedy."""
    if isinstance(reply, Retryable):
        if reply.reason is RetryReason.UNAUTHORIZED:
            return Check(name, Health.BAD, "the key cannot be sent at all", "is it pasted whole?")
        remedy = "see the network, KLAVIYO_API_URL and status.klaviyo.com"
        return Check(name, Health.BAD, f"no answer ({reply.reason.value}, {about})", remedy)
    if reply.status in (400, 401):
        remedy = "put a valid private key (pk_…) into the secret"
        return Check(name, Health.BAD, f"Klaviyo does not know the key ({reply.status})", remedy)
    if reply.status == TOO_MANY_REQUESTS:
        found = f"not checked: Klaviyo throttles (429, {about})"
        return Check(name, Health.UNKNOWN, found, "run it again in a minute")
    remedy = "see status.klaviyo.com, and try again"
    return Check(name, Health.BAD, f"Klaviyo answers {reply.status} ({about})", remedy)


def worst(checks: Iterable[Check]) -> Health:
    """`BAD` if anything is, else `UNKNOWN` if anything could not be checked, else `GOOD`."""
    found = {check.health for check in checks}
    return next((each for each in (Health.BAD, Health.UNKNOWN) if each in found), Health.GOOD)
