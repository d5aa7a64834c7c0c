"""What `doctor` asks of AWS and of the settings: stack, secret, queues, alarms, concurrency."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence

from cli.examination.check import Check, Health
from cli.klaviyo.asking import SECONDS
from cli.next_command import how_to_set, next_command
from cli.options import CommandContext
from cli.stack.aws import client, reaching
from cli.terminal import counted
from handler.aws.credentials import (
    SHORTEST_LEDGER_KEY,
    CredentialStore,
    CredentialsUnavailable,
)
from handler.aws.environment import Environment
from klaviyo_mapping.settings.declaration import declared
from klaviyo_mapping.settings.settings import Settings

OUTPUTS = ("WebhookUrl", "CredentialsSecretArn", "RetryQueueUrl", "DeadLetterQueueUrl")
"""What this command and its user need of the stack."""


class StackExamination:
    """The checks of one stack, or of the environment where none is named."""

    def __init__(self, context: CommandContext) -> None:
        self._context = context
        self._name = context.stack_name
        self.settings: Settings | None = None
        self.api_url: str | None = None
        self.key: str | None = None
        self.has_token = False
        self.webhook_url: str | None = None
        self.is_found = False

    def stack(self) -> Iterator[Check]:
        """Its state, and whether it has what is needed of it."""
        stack = self._context.stack
        self.is_found = True
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
        if stack.is_deployed:
            self.webhook_url = stack.outputs.get("WebhookUrl")
        needed = OUTPUTS if stack.is_deployed else ()
        missing = [name for name in needed if name not in stack.outputs]
        if missing:
            yield Check("outputs", Health.BAD, f"missing: {', '.join(missing)}", DEPLOY_AGAIN)
        else:
            yield Check("outputs", Health.GOOD, f"all there; webhook {stack.outputs['WebhookUrl']}")

    def read_settings(self) -> Iterator[Check]:
        """Whether they can be read, and which differ from the defaults."""
        self.api_url = self._context.api_url
        self.settings = settings = self._context.settings
        default = Settings()
        changed = [
            f"{name.upper()}={_as_text(getattr(settings, name))}"
            for name in Settings.__slots__
            if name != "rules" and getattr(settings, name) != getattr(default, name)
        ]
        if settings.rules is not None:
            file = self._context.variables.get("RULES_FILE", "").strip()
            changed.append(f"RULES_FILE={file}" if file else "RULES")
        given = self._context.delivery
        changed += [
            f"{each.variable}={_without_password(str(given[each.name]))}"
            for each in declared(Environment)
            if each.name != "rules_file" and given.get(each.name, each.default) != each.default
        ]
        yield Check("settings", Health.GOOD, ", ".join(changed) or "the defaults")

    def secret(self) -> Iterator[Check]:
        """Whether the functions could use it."""
        stack, variables = self._context.stack, self._context.variables
        if stack is not None:
            environment = _environment(stack.output("CredentialsSecretArn"), None, None)
        else:
            key = variables.get("KLAVIYO_PRIVATE_KEY", "").strip() or None
            shared = variables.get("SEGMENT_SHARED_SECRET", "").strip() or None
            self.key = key
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
            yield Check("secret", Health.BAD, str(error), how_to_set(self._name))
            return
        self.key = credentials.klaviyo_private_key
        number = len(credentials.shared_secrets)
        secrets = "one shared secret" if number == 1 else f"{number} shared secrets"
        self.has_token = bool(credentials.webhook_tokens)
        token = "a webhook token" if self.has_token else "no webhook token"
        yield Check("secret", Health.GOOD, f"a Klaviyo key, {secrets}, {token}")

    def queues(self) -> Iterator[Check]:
        """What waits, and what is dead."""
        from cli.dead_letters.queue import DeadLetterQueue

        stack, variables = self._context.stack, self._context.variables
        url = variables.get("DEAD_LETTER_QUEUE_URL", "") if stack is None else None
        if url == "":
            yield Check("queues", Health.SKIPPED, "DEAD_LETTER_QUEUE_URL is not set")
            return
        dead = DeadLetterQueue(url or (stack.output("DeadLetterQueueUrl") if stack else ""))
        named = stack.outputs.get("RetryQueueUrl") if stack else variables.get("RETRY_QUEUE_URL")
        waiting = DeadLetterQueue(named or dead.retry_queue_url())
        if dead.is_at(waiting.url):
            remedy = "name two queues in RETRY_QUEUE_URL and DEAD_LETTER_QUEUE_URL"
            yield Check("queues", Health.BAD, "the retry queue is the dead-letter queue", remedy)
            return
        if variables.get("PAUSE", "").strip().lower() == "on":
            ends = next_command("resume", self._name) if self._name else "PAUSE=off"
            remedy = f"{ends} ends it"
            yield Check("pause", Health.DOUBTFUL, "nothing is delivered, everything waits", remedy)
        number = waiting.size()
        yield Check("retry queue", Health.GOOD, f"{counted(number, 'SQS message')} waiting")
        number = dead.size()
        if number:
            which = ("--queue-url", url) if url else ()
            remedy = f"{next_command('dlq list', self._name, *which)} says why"
            found = counted(number, "SQS message")
            yield Check("dead letters", Health.DOUBTFUL, found, remedy)
        else:
            yield Check("dead letters", Health.GOOD, "none")

    def ledger(self) -> Iterator[Check]:
        """Whether the ledger, where there is one, has its key."""
        from cli.stack.ledger import OUTPUT

        stack = self._context.stack
        if stack is None or OUTPUT not in stack.outputs:
            return
        key = str(stack.secret().get("ledger_key") or "").strip()
        if len(key) < SHORTEST_LEDGER_KEY:
            found = "is off: ledger_key in the secret is missing or too short"
            yield Check("ledger", Health.DOUBTFUL, found, how_to_set(self._name))
        else:
            yield Check("ledger", Health.GOOD, f"is on: {stack.output(OUTPUT)}")

    def _fetch(self, _arn: str, _seconds: float) -> str:
        stack = self._context.stack
        return json.dumps({} if stack is None else stack.secret())

    def alarms(self) -> Iterator[Check]:
        """Whether anybody is notified of an alarm: a confirmed subscription to the topic."""
        stack = self._context.stack
        if stack is None or not stack.is_deployed:
            return
        arn = stack.resource("AlarmTopic")
        if arn is None:
            yield Check("alarms", Health.UNKNOWN, "the stack has no AlarmTopic", DEPLOY_AGAIN)
            return
        with reaching("the alarm topic"):
            pages = client("sns").get_paginator("list_subscriptions_by_topic")
            found = [
                each
                for page in pages.paginate(TopicArn=arn)
                for each in page.get("Subscriptions", ())
            ]
        yield alarm_check(found)

    def concurrency(self) -> Iterator[Check]:
        """Whether Lambda lets as many functions run as the API lets requests through."""
        stack = self._context.stack
        if stack is None or not stack.is_deployed:
            return
        rate = _number(stack.parameters.get("ThrottlingRate"))
        reserved = _number(stack.parameters.get("WebhookConcurrency"))
        with reaching("Lambda's account settings"):
            limits = client("lambda").get_account_settings()["AccountLimit"]
        available = reserved or int(limits["UnreservedConcurrentExecutions"])
        whose = "reserved for the webhook" if reserved else "of the account, unreserved"
        found = f"{available:,} {whose}; ThrottlingRate {rate:,}"
        if available < rate * SECONDS_OF_A_REQUEST:
            yield Check("concurrency", Health.DOUBTFUL, found, MORE_CONCURRENCY)
        else:
            yield Check("concurrency", Health.GOOD, found)


def alarm_check(subscriptions: Sequence[Mapping[str, str]]) -> Check:
    """Who is notified of an alarm. A subscription that is not confirmed has no ARN yet:
    https://docs.aws.amazon.com/sns/latest/api/API_ListSubscriptionsByTopic.html"""
    confirmed = [each for each in subscriptions if each["SubscriptionArn"].startswith("arn:")]
    if confirmed:
        kinds = ", ".join(sorted({each["Protocol"] for each in confirmed}))
        subscribers = counted(len(confirmed), "confirmed subscription")
        return Check("alarms", Health.GOOD, f"{subscribers} ({kinds})")
    if subscriptions:
        remedy = 'open the e-mail "AWS Notification - Subscription Confirmation", and confirm'
        return Check("alarms", Health.DOUBTFUL, "nobody is notified: not confirmed yet", remedy)
    remedy = "set AlarmEmail and deploy, or subscribe to the topic yourself"
    return Check("alarms", Health.DOUBTFUL, "nobody is notified: no subscription", remedy)


DEPLOY_AGAIN = "deploy it again with the current template; is it this destination's stack?"

SECONDS_OF_A_REQUEST = 0.3
"""What a request of one message takes, mostly Klaviyo's answer (docs/operating.md, its costs).
A container carries out one request at a time, so that the rate takes this many times itself:
https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html"""

MORE_CONCURRENCY = (
    "Lambda would throttle before the API does (503, Segment retries): ask AWS for more concurrent "
    "executions (Service Quotas, L-B99A9384), or lower ThrottlingRate"
)


def _number(text: str | None) -> int:
    return int(text) if text and text.isdecimal() else 0


def _as_text(value: object) -> str:
    if isinstance(value, tuple):
        return ",".join(value)
    if isinstance(value, bool):
        return str(value).lower()
    return json.dumps(dict(value)) if isinstance(value, Mapping) else str(value)


def _without_password(text: str) -> str:
    """A proxy's URL may hold a user and a password."""
    return re.sub(r".*@", "***@", text)


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
