"""`trace`: what people see of the ledger."""

import json

import boto3
import pytest

from cli.stack.aws import Stack
from handler.report.message_ids import shown_id
from klaviyo_client.sending.ahead import Ahead
from ledger.people import People
from local.klaviyo_stand_in import Weather
from preview import ADVICE
from tests.cli.calling import answer, call, lines
from tests.deployment import LEDGER_KEY, Deployment
from tests.handler.calls import call as signed
from tests.handler.calls import envelope, identify, order, track


@pytest.fixture
def ledger(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, ledger_has_time: None
) -> Deployment:
    """A stack "here" with a ledger, which `--stack here` means."""
    deployment = deployment.with_ledger()
    outputs = {
        "LedgerTableName": deployment.variables["LEDGER_TABLE"],
        "CredentialsSecretArn": deployment.queues.secret_arn,
        "DeadLetterQueueUrl": deployment.queues.dead_letter_queue_url,
    }
    monkeypatch.setattr(
        "cli.stack.aws.stack", lambda name: Stack(name, "CREATE_COMPLETE", outputs, {})
    )
    return deployment


def traced(*arguments: str, stdin: str | None = None) -> tuple[int, list[str]]:
    result = call("trace", *arguments, "--stack", "here", stdin=stdin)
    return result.exit_code, lines(result)


def test_a_message_that_waits_says_why_until_when_and_what_to_do(ledger: Deployment) -> None:
    ledger.account.set_weather(Weather(status=401))
    ledger.webhook(signed([order()]))
    status, shown = traced("order-1")
    assert status == 0
    assert shown[0] == "order-1 is a track message: waiting"
    assert shown[1].startswith("It arrived at 20")
    assert shown[2] == "time (UTC) after function operations became why"
    assert " webhook 3 create_event waiting unauthorized (Klaviyo's 401); again after " in shown[3]
    assert shown[4:] == [
        f"unauthorized: {ADVICE['unauthorized'].meaning}",
        f"What to do: {ADVICE['unauthorized'].remedy}",
    ]


def test_a_dead_letter_names_klaviyos_code_and_where_its_content_is(ledger: Deployment) -> None:
    ledger.account.set_weather(Weather(refuse_items="pointer"))
    traits = {"email": "ada@acme-store.example", "poison": True}
    ledger.webhook(signed([identify(traits=traits)]))
    status, shown = traced("identify-1")
    assert status == 0
    assert shown[0] == "identify-1 is an identify message: dead-lettered"
    assert shown[3].endswith(
        "dead-lettered refused (Klaviyo's 400, code invalid, /data/attributes)"
    )
    assert shown[-1] == (
        "The content: `klaviyo-destination dlq show --stack here --message-id identify-1`"
    )


def test_a_repeated_message_and_one_of_which_the_mapping_warns(ledger: Deployment) -> None:
    message = identify(integrations={"Klaviyo": {"listId": 7}})
    for _ in range(3):
        ledger.webhook(signed([message]))
    _, shown = traced("identify-1")
    assert shown[0] == "identify-1 is an identify message: delivered"
    assert shown[1].endswith("UTC, and 2 more times since.")
    assert shown[2] == "The mapping warns: option_ignored: integrations.Klaviyo.listId."
    assert shown[-1].endswith(
        "webhook all delivered sent again by Segment; nothing was sent to Klaviyo"
    )


def test_a_message_by_an_id_that_logs_show_as_a_hash(ledger: Deployment) -> None:
    message_id = "ada@acme-store.example"
    ledger.webhook(signed([track(messageId=message_id)]))
    for name in (message_id, str(shown_id(message_id))):
        _, shown = traced(name)
        assert shown[0] == f"{shown_id(message_id)} is a track message: delivered"


def test_what_sqs_has_moved_to_the_dead_letter_queue_is_found_there(
    ledger: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.account.set_weather(Weather(down=True))
    ledger.webhook(signed([order()]))
    entries = ledger.take_all()
    monkeypatch.setattr("cli.commands.trace.OVERDUE_SECONDS", -3_600.0)
    status, shown = traced("order-1")
    assert status == 0
    assert shown[-1].startswith("Nothing was noted since it was due. It waits untried")
    ledger.sqs.send_message(
        QueueUrl=ledger.queues.dead_letter_queue_url, MessageBody=envelope(*entries)
    )
    status, shown = traced("order-1")
    assert shown[-1].startswith("It is in the dead-letter queue: SQS itself has moved it")
    assert answer("trace", "order-1", "--stack", "here")[1]["moved_by_sqs"] is True


def test_json_is_the_same_for_machines(ledger: Deployment) -> None:
    ledger.webhook(signed([identify()]))
    status, found = answer("trace", "identify-1", "--stack", "here")
    (attempt,) = found.pop("attempts")
    assert (status, found.pop("arrived_at")) == (0, attempt.pop("at"))
    assert found == {
        "message_id": "identify-1",
        "type": "identify",
        "state": "delivered",
        "repeats": 0,
        "moved_by_sqs": False,
        "warnings": [],
    }
    assert attempt == {
        "by": "webhook",
        "outcomes": [{"state": "delivered", "operations": ["upsert_profile"]}],
    }


def test_the_messages_of_a_person_are_found_by_an_address_on_standard_input(
    ledger: Deployment,
) -> None:
    ledger.webhook(signed([identify(1), track(2)]))
    ledger.webhook(signed([track(1)]))
    status, shown = traced("--email", stdin="Person1@acme-store.example\n")
    assert status == 0
    assert [line.split()[2:] for line in shown[1:-2]] == [
        ["identify", "identify-1", "delivered"],
        ["track", "track-1", "delivered"],
    ]
    assert shown[-2:] == [
        "2 messages.",
        "More of the last one: `klaviyo-destination trace --stack here -- track-1`",
    ]
    status, found = answer(
        "trace", "--email", "--stack", "here", stdin="person2@acme-store.example"
    )
    assert [each["message_id"] for each in found["messages"]] == ["track-2"]
    assert traced("--email", stdin="nobody@acme-store.example") == (1, [])


def test_a_person_can_be_forgotten_by_one_name_under_all(ledger: Deployment) -> None:
    deployment = ledger.with_settings(ENFORCE_EMAIL="false")
    deployment.webhook(signed([identify(1), track(1), track(2)]))
    address = "person1@acme-store.example"
    status, (said,) = traced("--email", "--forget", stdin=address)
    assert (status, said.partition(" ")[2]) == (0, "items deleted from the ledger.")
    items = boto3.client("dynamodb").scan(TableName=ledger.variables["LEDGER_TABLE"])["Items"]
    people = People(LEDGER_KEY)
    text = json.dumps(items)
    assert not [
        name
        for name in (("email", address), ("external_id", "user-1"))
        if people.hash(*name) in text
    ]
    assert people.hash("external_id", "user-2") in text
    assert traced("--email", stdin=address) == (1, [])
    assert traced("identify-1") == (1, [])
    assert traced("track-2")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ([], "name a message id, or --email, or --user-id"),
        (["m", "--email"], "name a message id, or --email, or --user-id"),
        (["m"], "name the ledger: --stack NAME or --local"),
        (["m", "--forget", "--stack", "here"], "--forget needs a person"),
        (["--email", "--stack", "here"], "E-mail address: expected one on standard input"),
    ],
)
def test_a_wrong_call_is_told_what_is_missing(
    arguments: list[str], text: str, ledger: Deployment
) -> None:
    result = call("trace", *arguments, stdin="")
    assert result.exit_code == 2
    assert text in result.stderr


def test_a_stack_without_a_ledger_says_how_to_get_one(
    ledger: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cli.stack.aws.stack", lambda name: Stack(name, "CREATE_COMPLETE", {}, {}))
    result = call("trace", "m", "--stack", "here")
    assert result.exit_code == 2
    assert "the stack here has no ledger: deploy it with the parameter Ledger=on" in result.stderr


def test_a_ledger_out_of_reach_is_trouble(
    ledger: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    outputs = {"LedgerTableName": "none"}
    monkeypatch.setattr(
        "cli.stack.aws.stack", lambda name: Stack(name, "CREATE_COMPLETE", outputs, {})
    )
    result = call("trace", "m", "--stack", "here")
    assert result.exit_code == 3
    assert "the ledger: AWS answered ResourceNotFound" in result.stderr


@pytest.mark.parametrize(
    ("key", "health", "found"),
    [
        ("k" * 32, "good", "is on: "),
        ("k" * 31, "doubtful", "is off: ledger_key in the secret is missing or too short"),
        (None, "doubtful", "is off: ledger_key in the secret is missing or too short"),
    ],
)
def test_doctor_says_whether_the_ledger_has_its_key(
    key: str | None, health: str, found: str, ledger: Deployment
) -> None:
    boto3.client("secretsmanager").put_secret_value(
        SecretId=ledger.queues.secret_arn, SecretString=json.dumps({"ledger_key": key})
    )
    _, examined = answer("doctor", "--stack", "here")
    (check,) = [each for each in examined["checks"] if each["name"] == "ledger"]
    assert (check["health"], check["found"].startswith(found)) == (health, True)


def test_a_message_of_a_large_call_is_where_the_call_says(
    ledger: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Ahead, "call_off", Ahead.get)  # Klaviyo takes its time
    ledger.webhook(signed([identify(number) for number in range(30)]))
    status, shown = traced("identify-7")
    assert (status, shown[0]) == (0, "identify-7 is an identify message: delivered")
    assert shown[3].endswith(" webhook upsert_profile delivered –")
    client, table = boto3.client("dynamodb"), ledger.variables["LEDGER_TABLE"]
    items = client.scan(TableName=table)["Items"]
    [key] = [{name: each[name] for name in ("pk", "sk")} for each in items if "outcome" in each]
    client.delete_item(TableName=table, Key=key)
    status, shown = traced("identify-7")
    assert (status, shown[0]) == (0, "identify-7 is an identify message: unknown")
    assert shown[3].endswith(
        " webhook upsert_profile unknown the function was stopped, or could not record it"
    )
