"""Nothing personal and no secret is ever written, whatever goes wrong on the way."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import pytest

from local.aws_stand_in.function import LambdaFunction
from local.klaviyo_stand_in import Weather
from tests.deployment import Deployment
from tests.handler.calls import batch, call, envelope

ROOT = Path(__file__).parent.parent.parent

KEY = "pk_canary_key"
SECRET = "canary-shared-secret"
TOKEN = "canary-token"

CANARIES = {
    "user id": "canary-user-id",
    "anonymous id": "canary-anonymous-id",
    "e-mail": "canary.address@acme-store.example",
    "first name": "Canaryfirst",
    "last name": "Canarylast",
    "phone": "+14155550199",
    "street": "1 Canary Wharf",
    "company": "Canary Trust",
    "property": "canary-property",
    "key": KEY,
    "secret": SECRET,
    "token": TOKEN,
}

TRAITS = {
    "email": CANARIES["e-mail"],
    "firstName": CANARIES["first name"],
    "lastName": CANARIES["last name"],
    "phone": CANARIES["phone"],
    "company": CANARIES["company"],
    "address": {"street": CANARIES["street"]},
    "custom": CANARIES["property"],
}
IDS = {"userId": CANARIES["user id"], "anonymousId": CANARIES["anonymous id"]}


def messages(**extra: Any) -> list[dict[str, Any]]:
    """One of each kind, each full of canaries."""
    return [
        {"type": "identify", "messageId": "m-1", **IDS, "traits": {**TRAITS, **extra}},
        {
            "type": "track",
            "messageId": "m-2",
            **IDS,
            "event": "Item Added",
            "properties": {**TRAITS, **extra},
        },
        {
            "type": "track",
            "messageId": "m-3",
            **IDS,
            "event": "Order Completed",
            "properties": {**TRAITS, "order_id": "o-1", "products": [{"name": "x"}, 5]},
        },
        {"type": "track", "messageId": "m-4", **IDS, "event": {"e": CANARIES["e-mail"]}},
        {"type": "track", "messageId": "m-5", **IDS, "traits": CANARIES["e-mail"]},
        {"type": "track", "messageId": "m-6", "event": "x", "properties": {"email": "canary.add"}},
        {"type": "page", "messageId": "m-7", **IDS, "properties": TRAITS},
        *(
            {
                "type": "track",
                "messageId": f"m-8-{name}",
                **IDS,
                "event": name,
                "properties": {
                    **TRAITS,
                    **extra,
                    "list_id": "Y6nRLr",
                    "custom_source": CANARIES["property"],
                },
            }
            for name in ("User Subscribed", "User Unsubscribed")
        ),
        *(
            {
                "type": "track",
                "messageId": f"m-9-{is_member}",
                **IDS,
                "event": "Audience",
                "context": {
                    "traits": {"email": f"{is_member}.{CANARIES['e-mail']}"},
                    "personas": {"computation_class": "audience", "computation_key": "vips"},
                },
                "properties": {"vips": is_member},
            }
            for is_member in (True, False)
        ),
        {
            "type": "identify",
            "messageId": "m-10",
            **IDS,
            "traits": {**TRAITS, **extra},
            "integrations": {"Klaviyo": {"fieldsToAppend": ["custom"]}},
        },
        {"type": "delete", "messageId": "m-11", "userId": f"gone.{CANARIES['e-mail']}"},
        {
            "type": "alias",
            "messageId": "m-12",
            "userId": CANARIES["e-mail"],
            "previousId": f"old.{CANARIES['e-mail']}",
        },
        {"type": "group", "messageId": "m-13", **IDS, "groupId": "g-1", "traits": extra},
        {"type": "page", "messageId": "m-14", **IDS, "name": "Home", "properties": extra},
    ]


EVERYTHING = {
    "AUDIENCE_LISTS": "auto",
    "CONSENT_EVENTS": "true",
    "FORWARD_DELETIONS": "true",
    "KEEP_USER_ID": "user_id",
    "SEND_ANONYMOUS_ID": "true",
    "FORWARD_ALIASES": "true",
    "FORWARD_TYPES": "group,page,screen",
    "SEND_CONTEXT": "true",
    "ECOMMERCE_METRICS": "klaviyo",
}


WEATHERS = {
    "fine": Weather(),
    "down": Weather(down=True),
    "a wrong key": Weather(status=401),
    "throttled": Weather(throttle=30),
    "cut": Weather(cut="before"),
    "refused": Weather(refuse_items="pointer"),
    "refused without a pointer": Weather(refuse_items="silent"),
    "a status without errors": Weather(status=418),
}


@pytest.fixture
def canary_deployment(deployment: Deployment) -> Deployment:
    secret = {
        "klaviyo_private_key": KEY,
        "segment_shared_secret": SECRET,
        "webhook_token": TOKEN,
    }
    boto3.client("secretsmanager").put_secret_value(
        SecretId=deployment.queues.secret_arn, SecretString=json.dumps(secret)
    )
    return deployment.with_settings(**EVERYTHING)


def assert_none_sings(text: str) -> None:
    assert {name for name, canary in CANARIES.items() if canary in text} == set()


@pytest.mark.parametrize("name", WEATHERS)
def test_nothing_personal_is_written_or_answered(
    canary_deployment: Deployment, tmp_path: Path, name: str
) -> None:
    deployment = canary_deployment
    deployment.account.set_weather(WEATHERS[name])
    headers = {"authorization": f"Bearer {TOKEN}"}
    calls = [
        call(messages(), secret=SECRET, headers=headers),
        call(messages(poison=True), secret=SECRET, headers=headers),
        call(messages(), secret="wrong", headers=headers),
        call(messages(), secret=SECRET, headers={"authorization": "Bearer wrong"}),
        call(messages(), secret=SECRET, headers=headers) | {"body": f"{{{CANARIES['e-mail']}"},
    ]
    log = tmp_path / "log"
    with log.open("w") as file:
        with LambdaFunction(
            "WebhookFunction", "handler.webhook.lambda_handler", deployment.variables, 10, file
        ) as webhook:
            answers = [webhook.invoke(each) for each in calls]
        old = [{**each, "first_failed_at": 1.0, "not_before": 0} for each in deployment.waiting()]
        with LambdaFunction(
            "RetryFunction", "handler.retry.lambda_handler", deployment.variables, 60, file
        ) as retry:
            retry.invoke(batch(*(envelope(entry) for entry in old), CANARIES["e-mail"]))
    written = log.read_text()
    assert '"m-1"' in written, "message ids are written"
    assert "MessagesReceived" in written, "metrics are written"
    assert_none_sings(written + json.dumps(answers))


FAILING = """
import json, sys
from handler import (intake, webhook)

def fail(*_):
    raise RuntimeError(sys.argv[1])

intake.accepted = fail
print(json.dumps(webhook.lambda_handler(json.load(sys.stdin), None)))
"""


def test_an_unexpected_failure_is_a_503_and_is_written_by_its_type_and_place_alone(
    canary_deployment: Deployment,
) -> None:
    headers = {"authorization": f"Bearer {TOKEN}"}
    ended = subprocess.run(
        [sys.executable, "-c", FAILING, CANARIES["e-mail"]],
        input=json.dumps(call(messages(), secret=SECRET, headers=headers)),
        env={**canary_deployment.variables, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=True,
    )
    *lines, last = [json.loads(line) for line in ended.stdout.splitlines()]
    [line] = [line for line in lines if line.get("message") == "unexpected failure"]
    assert (line["error"], line["where"][-1]) == ("RuntimeError", "<string>:6 fail")
    assert (last["statusCode"], json.loads(last["body"])["error"]) == (
        503,
        {"code": "internal_error", "message": "Segment sends the batch again."},
    )
    assert_none_sings(ended.stdout + ended.stderr)
