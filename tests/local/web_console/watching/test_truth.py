"""What the console says of a message is what Klaviyo and both queues say: each kind, each weather.

The truth is read past the console: Klaviyo's store, and the text of every envelope.
"""

import base64
import itertools
import json
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from cli.segment.signature import signature, signed_part
from handler.queue.envelope import document_of
from handler.queue.unpacking import unpack
from local.aws_stand_in import server as aws
from local.aws_stand_in.http_api import Exchange
from local.aws_stand_in.poller import Poller
from local.klaviyo_stand_in import Account, Weather
from local.web_console.acting.redriving import Redriving, try_now
from local.web_console.watching.journal import Journal
from local.web_console.watching.queues import Bookkeeper
from local.web_console.watching.watch import Watch
from tests.deployment import SHARED_SECRET, Deployment
from tests.suite.effort import part

Message = Mapping[str, Any]

NOISE = base64.b64encode(random.Random(7).randbytes(810_000)).decode()


def email_of(message: Message) -> str:
    return f"{message['messageId']}@acme-store.example"


def track(message_id: str, **fields: Any) -> Message:
    properties = {"email": f"{message_id}@acme-store.example", **fields.pop("properties", {})}
    return {
        "type": "track",
        "event": "Lid Lost",
        "messageId": message_id,
        "userId": "u",
        "properties": properties,
        **fields,
    }


def identify(message_id: str, **fields: Any) -> Message:
    traits = {"email": f"{message_id}@acme-store.example", "plan": message_id}
    return {"type": "identify", "messageId": message_id, "userId": "u", "traits": traits, **fields}


def has_event(account: Account, message: Message) -> bool:
    return message["messageId"] in {event.unique_id for event in account.events}


def has_order(account: Account, message: Message) -> bool:
    order = message["properties"]["order_id"]
    found = {event.unique_id for event in account.events}
    return {order, f"{order}_sku-1", f"{order}_sku-2"} <= found


def has_profile(account: Account, message: Message) -> bool:
    profile = account.profiles.by_email(email_of(message))
    return profile is not None and profile.properties.get("plan") == message["messageId"]


def is_on_list(account: Account, message: Message) -> bool:
    profile = account.profiles.by_email(email_of(message))
    return profile is not None and profile.id in account.lists["WmB7kT"].members


def never(_account: Account, _message: Message) -> bool:
    return False


@dataclass(frozen=True)
class Kind:
    """A request, and how to see that Klaviyo has all that comes of one of its messages."""

    messages: list[Message]
    is_there: Callable[[Account, Message], bool]
    settings: Mapping[str, str] = field(default_factory=dict)


ORDER = {
    "order_id": "o-1",
    "revenue": 5,
    "products": [{"sku": "sku-1", "price": 2}, {"sku": "sku-2", "price": 3}],
}
AT_ONCE = {"integrations": {"Klaviyo": {"listId": "WmB7kT", "confirmOptin": False}}}

CONSENT: dict[str, Any] = {"event": "User Subscribed", "properties": {"list_id": "WmB7kT"}}

KINDS = {
    "track": Kind([track("a")], has_event),
    "identify": Kind([identify("a")], has_profile),
    "identify with a list": Kind([identify("a", **AT_ONCE)], is_on_list),
    "order": Kind([track("a", event="Order Completed", properties=ORDER)], has_order),
    "page": Kind([track("a", type="page")], never),
    "malformed": Kind([track("a", userId={"id": 1})], never),
    "no message id": Kind([{**track("a"), "messageId": "a@b.example"}], has_event),
    "a million characters": Kind([track("a", properties={"note": "x" * 1_000_000})], has_event),
    "a megabyte": Kind([track("a", properties={"note": NOISE})], has_event),
    "text beyond a queue's message": Kind(
        [track("a", properties={str(n): "x" * 90_000 for n in range(12)})], has_event
    ),
    "another spelling": Kind(
        [{**{k: v for k, v in track("a").items() if k != "messageId"}, "message_id": "a"}],
        lambda account, _: has_event(account, {"messageId": "a"}),
    ),
    "batch": Kind([track("a"), track("b"), track("c")], has_event),
    "some that are dropped or refused": Kind(
        [track("a"), track("b", type="page"), track("c"), track("d", userId={})],
        lambda account, message: message["type"] == "track" and has_event(account, message),
    ),
    "consent": Kind([track("a", **CONSENT)], is_on_list, {"CONSENT_EVENTS": "true"}),
    "page that is forwarded": Kind([track("a", type="page")], has_event, {"FORWARD_TYPES": "page"}),
    "deletion": Kind(
        [{"type": "delete", "messageId": "a", "userId": "u"}],
        lambda account, _: account.profiles.by_email("a@acme-store.example") is None,
        {"FORWARD_DELETIONS": "true", "ENFORCE_EMAIL": "false"},
    ),
    "bulk import": Kind([identify(f"p{n}") for n in range(30)], has_profile),
}


def refuses_some(attributes: Mapping[str, Any]) -> bool:
    """A person in two, and the first of everything."""
    return any(f'"{name}@' in json.dumps(attributes) for name in ("a", "b", "p3", "p7"))


WEATHERS = {
    "fine": (),
    "down": (Weather(down=True),),
    "throttled": (Weather(throttle=60),),
    "cut": (Weather(cut="after"),),
    "refusing": (Weather(refuse_items="pointer", refuses=refuses_some),),
    "refusing in silence": (Weather(refuse_items="silent", refuses=refuses_some),),
    "refusing in imports": (Weather(refuse_items="import", refuses=refuses_some),),
}

REFUSING = frozenset(name for name in WEATHERS if name.startswith("refusing"))


@dataclass
class Case:
    """One deployment with the console's watch on it."""

    deployment: Deployment
    journal: Journal = field(default_factory=Journal)

    def __post_init__(self) -> None:
        queues = self.deployment.queues
        self.watch = Watch(self.journal, Bookkeeper(queues))
        self.poller = Poller(queues.retry_queue_url, self.deployment.retry)

    def send(self, messages: list[Message]) -> None:
        """As Segment does; the console hears of it as it does from the HTTP API."""
        body = json.dumps(messages if len(messages) > 1 else messages[0]).encode()
        headers = {"x-signature": signature(signed_part(body), SHARED_SECRET)}
        status, answer = self.deployment.webhook(
            {
                "version": "2.0",
                "rawPath": "/segment",
                "headers": {"content-type": "application/json", **headers},
                "requestContext": {"http": {"method": "POST", "path": "/segment"}},
                "isBase64Encoded": True,
                "body": base64.b64encode(body).decode(),
            }
        )
        text = json.dumps(answer)
        self.journal.take_exchange(Exchange("POST", "/segment", status, text, 0.1, body))

    def retry(self) -> None:
        """One batch of the retry queue, without its delays."""
        if not aws.held(self.deployment.queues.retry_queue_url):
            return
        try_now(self.deployment.queues)
        if batch := self.poller.receive(10):
            self.poller.take(batch)

    def said(self) -> list[str]:
        """The console's outcomes, in the order of the messages."""
        self.watch.look()
        return [line.outcome for line in reversed(self.journal.latest(100))]

    def truth(self, kind: Kind) -> list[str]:
        """The outcomes by Klaviyo's store and the queues."""
        queues = self.deployment.queues
        waiting, dead = texts_in(queues.retry_queue_url), texts_in(queues.dead_letter_queue_url)
        outcomes = []
        for message in kind.messages:
            name = f'"{message.get("messageId", "a")}"'
            if name in dead:
                outcomes.append("rejected")
            elif name in waiting:
                outcomes.append("queued")
            elif kind.is_there(self.deployment.account, message):
                outcomes.append("delivered")
            else:
                outcomes.append("dropped")
        return outcomes


def texts_in(queue_url: str) -> str:
    return "\n".join(
        json.dumps(document_of(entry))
        for held in aws.held(queue_url)
        for entry in unpack(held.body)
    )


def check(case: Case, kind: Kind, weather: str, times: int = 1) -> None:
    """Each message `times` in this weather, then in a fine one, then its dead letters redriven."""
    account = case.deployment.account
    account.set_weather(*WEATHERS[weather])
    for sent in range(1, times + 1):
        case.send(kind.messages)
        assert case.said() == case.truth(kind) * sent
    case.retry()
    assert case.said() == case.truth(kind) * times
    if weather not in REFUSING:
        account.set_weather()
    # On a slow machine more probes fail, and each doubles the time until the next one.
    until = time.monotonic() + 60
    for tried in itertools.count():
        if tried >= 6 and (
            "queued" not in case.said()
            or weather == "refusing in silence"
            or time.monotonic() > until
        ):
            break
        case.retry()
    assert case.said() == case.truth(kind) * times
    assert "queued" not in case.said() or weather == "refusing in silence"
    account.set_weather()
    if "rejected" in case.said():
        assert Redriving(case.deployment.queues).all() > 0
        assert case.said() == case.truth(kind) * times
    for _ in range(6):
        case.retry()
    assert case.said() == case.truth(kind) * times


@pytest.mark.parametrize(("name", "weather"), part(list(itertools.product(KINDS, WEATHERS))))
def test_console_says_what_klaviyo_and_the_queues_say(
    name: str, weather: str, deployment: Deployment
) -> None:
    kind = KINDS[name]
    check(Case(deployment.with_settings(**kind.settings)), kind, weather)


REPEATED = ("track", "identify", "identify with a list", "order", "malformed", "batch", "page")


@pytest.mark.usefixtures("ledger_has_time")
@pytest.mark.parametrize(
    ("ledger", "name", "weather"),
    part(list(itertools.product(["off", "on"], REPEATED, ["fine", "down", "refusing"]))),
)
def test_it_says_so_of_a_message_that_segment_sends_again(
    ledger: str, name: str, weather: str, deployment: Deployment
) -> None:
    case = Case(deployment.with_ledger() if ledger == "on" else deployment)
    check(case, KINDS[name], weather, times=2)
