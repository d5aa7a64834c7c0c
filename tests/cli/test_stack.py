"""`--stack` and `doctor`: what AWS and Klaviyo say, checked in one line each with the remedy."""

import json
from datetime import date
from pathlib import Path

import boto3
import pytest

from cli.examination.check import Health
from cli.examination.klaviyo import revision_check
from cli.examination.stack import OUTPUTS, alarm_check
from cli.klaviyo.scopes import PROBES
from handler.queue.envelope import Entry, pack
from klaviyo_client.api.revision import REVISION
from local.aws_stand_in.function import ROOT
from local.klaviyo_stand_in import Account, Weather, serve
from tests.cli.calling import answer, call, lines
from tests.cli.stacks import MakeStack
from tests.deployment import PRIVATE_KEY, SHARED_SECRET, Deployment
from tests.handler.aws.test_environment import NO_URLS
from tests.handler.calls import call as signed
from tests.handler.calls import track
from tests.klaviyo_client.fakes import event

SAMPLE = ROOT / "events" / "order-completed.json"

EVERY_SCOPE = {probe.scope for probe in PROBES}

pytestmark = pytest.mark.usefixtures("no_secrets")


def checked(*arguments: object, **variables: str) -> tuple[int, dict[str, tuple[str, str]]]:
    """The exit status, and of each check its health and what was found."""
    status, document = answer("doctor", *arguments, **variables)
    assert document["healthy"] == (status == 0)
    return status, {
        check["name"]: (check["health"], check["found"]) for check in document["checks"]
    }


def test_healthy_stack_is_said_to_be_healthy(make_stack: MakeStack, deployment: Deployment) -> None:
    name = make_stack(ListId="Y6nRLr")
    url = deployment.variables["KLAVIYO_API_URL"]
    status, found = checked("--stack", name)
    assert found.pop("revision")[1].startswith(REVISION)
    assert (status, found) == (
        0,
        {
            "stack": ("good", f"{name} is CREATE_COMPLETE"),
            "outputs": ("good", "all there; webhook https://api.example/segment"),
            "settings": ("good", f"LIST_ID=Y6nRLr, KLAVIYO_API_URL={url}"),
            "secret": ("good", "a Klaviyo key, one shared secret, no webhook token"),
            "Klaviyo": ("good", "knows the key: the account Stand-in (STNDIN, a test account)"),
            "scopes": (
                "good",
                "events:write, profiles:read, profiles:write, lists:read, lists:write, "
                "subscriptions:write",
            ),
            "list": ("good", "Y6nRLr is Newsletter (double_opt_in)"),
            "retry queue": ("good", "0 SQS messages waiting"),
            "dead letters": ("good", "none"),
            "metrics": ("good", "0 of 200 in use"),
            "alarms": ("doubtful", "nobody is notified: no subscription"),
            "concurrency": ("good", "1,000 of the account, unreserved; ThrottlingRate 200"),
            "Segment": ("skipped", "not checked: SEGMENT_TOKEN is not set"),
        },
    )


@pytest.mark.parametrize(
    ("today", "expected"),
    [
        (
            date(2026, 10, 16),
            (
                Health.GOOD,
                "2026-10-15, 1 day old; Klaviyo deprecates it on 2027-10-15, retires it on"
                " 2028-10-15",
                "",
            ),
        ),
        (
            date(2027, 10, 15),
            (
                Health.DOUBTFUL,
                "2026-10-15, 365 days old: deprecated; Klaviyo retires it on 2028-10-15",
                "upgrade before then",
            ),
        ),
        (
            date(2028, 10, 15),
            (
                Health.BAD,
                "2026-10-15, 731 days old: Klaviyo has retired it, on 2028-10-15",
                "upgrade at once, see docs/operating.md",
            ),
        ),
    ],
)
def test_the_age_of_the_revision_is_told(today: date, expected: tuple[Health, str, str]) -> None:
    check = revision_check(today)
    assert (check.health, check.found, check.remedy) == expected


def test_nothing_is_changed(make_stack: MakeStack, deployment: Deployment) -> None:
    checked("--stack", make_stack())
    account = deployment.account
    assert (len(account.profiles), account.events, len(account.jobs)) == (0, [], 0)


@pytest.mark.parametrize("lacking", sorted(EVERY_SCOPE))
def test_missing_scope_is_named(lacking: str, make_stack: MakeStack) -> None:
    account = Account(keys={PRIVATE_KEY: EVERY_SCOPE - {lacking}})
    with serve(account) as url:
        status, found = checked("--stack", make_stack(KlaviyoApiUrl=url))
    assert status == 1
    health, said = found["scopes"]
    assert (health, said.startswith("the key lacks "), lacking in said) == ("bad", True, True)


def test_key_without_leave_to_read_the_account_is_enough(make_stack: MakeStack) -> None:
    account = Account(keys={PRIVATE_KEY: EVERY_SCOPE})
    with serve(account) as url:
        status, found = checked("--stack", make_stack(KlaviyoApiUrl=url))
    assert (status, found["Klaviyo"]) == (0, ("good", f"{url} knows the key"))


@pytest.mark.parametrize(
    ("weather", "said"),
    [
        (Weather(down=True), "Klaviyo answers 503"),
        (Weather(cut="before"), "no answer (connection_failed"),
    ],
)
def test_klaviyo_in_trouble_is_told(
    weather: Weather, said: str, make_stack: MakeStack, deployment: Deployment
) -> None:
    deployment.account.set_weather(weather)
    status, found = checked("--stack", make_stack())
    assert status == 3
    health, found_of_it = found["Klaviyo"]
    assert (health, found_of_it.startswith(said)) == ("unknown", True)
    assert found["scopes"] == ("unknown", "not checked: Klaviyo cannot be reached")


def test_second_run_waits_where_klaviyo_throttles(make_stack: MakeStack) -> None:
    accounts: list[Account] = []

    def clock() -> float:
        """The second lasts until somebody is throttled, however long a busy machine takes."""
        statuses = {status for account in accounts for _, status in account.counts}
        return 100.0 if 429 in statuses else 0.0

    accounts.append(Account(keys={PRIVATE_KEY}, limits="published", clock=clock))
    with serve(accounts[0]) as url:
        name = make_stack(KlaviyoApiUrl=url)
        first, second = call("doctor", "--stack", name), call("doctor", "--stack", name)
    assert (first.exit_code, second.exit_code) == (0, 0)
    assert second.stdout == first.stdout
    assert "Klaviyo throttles: waiting 1 s …\n" in second.stderr


@pytest.mark.parametrize(
    ("endpoint", "expected"),
    [
        (
            "get_accounts",
            {
                "Klaviyo": "not checked: Klaviyo throttles (429, {url})",
                "scopes": "not checked: Klaviyo throttles",
                "list": "not checked: Klaviyo throttles",
                "metrics": "not checked: Klaviyo throttles",
            },
        ),
        (
            "create_or_update_profile",
            {"scopes": "not checked: Klaviyo throttles (429, profiles:write)"},
        ),
        (
            "get_lists",
            {
                "scopes": "not checked: Klaviyo throttles (429, lists:read)",
                "list": "not checked: Klaviyo throttles (429, Y6nRLr)",
            },
        ),
    ],
)
def test_what_could_not_be_checked_is_not_well(
    endpoint: str, expected: dict[str, str], make_stack: MakeStack, deployment: Deployment
) -> None:
    deployment.account.set_weather(Weather(endpoints=frozenset({endpoint}), throttle=600))
    status, found = checked("--stack", make_stack(ListId="Y6nRLr"))
    url = deployment.variables["KLAVIYO_API_URL"]
    unknown = {name: said for name, (health, said) in found.items() if health == "unknown"}
    assert (status, unknown) == (
        3,
        {name: said.format(url=url) for name, said in expected.items()},
    )


def test_trouble_outweighs_what_could_not_be_checked(make_stack: MakeStack) -> None:
    account = Account(keys={PRIVATE_KEY: EVERY_SCOPE - {"events:write"}})
    account.set_weather(Weather(endpoints=frozenset({"get_lists"}), throttle=600))
    with serve(account) as url:
        status, document = answer("doctor", "--stack", make_stack(KlaviyoApiUrl=url))
    scopes = [check for check in document["checks"] if check["name"] == "scopes"]
    assert status == 1
    assert [(check["health"], check["found"]) for check in scopes] == [
        ("bad", "the key lacks events:write"),
        ("unknown", "not checked: Klaviyo throttles (429, lists:read)"),
    ]


@pytest.mark.parametrize(
    ("secret", "said"),
    [
        ("{}", "klaviyo_private_key: expected a Klaviyo private key (pk_…)"),
        ('{"klaviyo_private_key": "pk_x"}', "segment_shared_secret: expected a text, or a list"),
        ("hello", "the secret is not a JSON object"),
    ],
)
def test_secret_that_cannot_be_used_is_told(
    secret: str, said: str, make_stack: MakeStack, deployment: Deployment
) -> None:
    manager = boto3.client("secretsmanager")
    manager.put_secret_value(SecretId=deployment.queues.secret_arn, SecretString=secret)
    manager.close()
    status, found = checked("--stack", make_stack())
    assert status == 1
    assert found["secret"][0] == "bad"
    assert found["secret"][1].startswith(said)


def test_unknown_key_is_told_with_the_remedy(make_stack: MakeStack) -> None:
    with serve(Account(keys={"pk_other"})) as url:
        result = call("doctor", "--stack", make_stack(KlaviyoApiUrl=url))
    assert result.exit_code == 1
    assert (
        "✗ Klaviyo Klaviyo does not know the key (401)"
        " → put a valid private key (pk_…) into the secret"
    ) in lines(result)
    assert PRIVATE_KEY not in result.output


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"ListId": "NoSuch"}, ("bad", "there is no list NoSuch")),
        ({"ListId": "WmB7kT"}, ("doubtful", "WmB7kT is Customers (single_opt_in)")),
        (
            {"ListId": "WmB7kT", "ConfirmOptin": "false"},
            ("good", "WmB7kT is Customers (single_opt_in)"),
        ),
        (
            {},
            (
                "doubtful",
                "LIST_ID is not set: people join only the lists that messages name; "
                "single opt-in: Customers (WmB7kT)",
            ),
        ),
        (
            {"ConfirmOptin": "false"},
            ("skipped", "LIST_ID is not set: people join only the lists that messages name"),
        ),
    ],
)
def test_list_is_looked_up(
    parameters: dict[str, str], expected: tuple[str, str], make_stack: MakeStack
) -> None:
    assert checked("--stack", make_stack(**parameters))[1]["list"] == expected


def test_lists_of_audiences_are_looked_up(make_stack: MakeStack) -> None:
    name = make_stack(AudienceLists='{"vips": "WmB7kT", "lapsed": "NoSuch"}', ConfirmOptin="false")
    status, document = answer("doctor", "--stack", name)
    assert status == 1
    lists = [check for check in document["checks"] if check["name"] == "list"]
    assert [(check["health"], check["found"]) for check in lists] == [
        ("good", "WmB7kT is Customers (single_opt_in)"),
        ("bad", "there is no list NoSuch"),
        ("skipped", "LIST_ID is not set: people join only the lists that messages name"),
    ]
    assert lists[1]["remedy"].startswith("set AUDIENCE_LISTS to an id")


@pytest.mark.parametrize("forwards", ["false", "true"])
def test_deletions_need_a_scope_of_their_own(forwards: str, make_stack: MakeStack) -> None:
    account = Account(keys={PRIVATE_KEY: EVERY_SCOPE - {"data-privacy:write"}})
    with serve(account) as url:
        stack = make_stack(KlaviyoApiUrl=url, ForwardDeletions=forwards)
        _, found = checked("--stack", stack)
    health, said = found["scopes"]
    assert (health, "data-privacy:write" in said) == (
        ("bad", True) if forwards == "true" else ("good", False)
    )


def test_rules_file_that_is_not_there_is_told(make_stack: MakeStack) -> None:
    status, found = checked("--stack", make_stack(RulesFile="nowhere.toml"))
    assert (status, found["settings"][0]) == (1, "bad")
    assert found["settings"][1].startswith("RULES_FILE: nowhere.toml")


@pytest.mark.parametrize("missing", OUTPUTS)
def test_missing_output_is_told(missing: str, make_stack: MakeStack) -> None:
    status, found = checked("--stack", make_stack(without=missing))
    assert (status, found["outputs"]) == (1, ("bad", f"missing: {missing}"))


def test_dead_letters_deserve_a_look(make_stack: MakeStack, deployment: Deployment) -> None:
    for body in pack([Entry(operation=event(), reason={"code": "refused"})]):
        deployment.sqs.send_message(
            QueueUrl=deployment.queues.dead_letter_queue_url, MessageBody=body
        )
    status, found = checked("--stack", make_stack())
    assert (status, found["dead letters"]) == (0, ("doubtful", "1 SQS message"))


@pytest.mark.parametrize(
    ("metrics", "expected"),
    [
        (179, ("good", "179 of 200 in use")),
        (180, ("doubtful", "180 of 200 in use")),
        (201, ("doubtful", "201 of 200 in use")),
    ],
)
def test_metrics_are_counted(
    metrics: int, expected: tuple[str, str], make_stack: MakeStack, deployment: Deployment
) -> None:
    for number in range(metrics):
        deployment.account.add_metric(f"Metric {number}")
    assert checked("--stack", make_stack())[1]["metrics"] == expected


def test_metrics_are_not_counted_without_the_scope(make_stack: MakeStack) -> None:
    with serve(Account(keys={PRIVATE_KEY: EVERY_SCOPE})) as url:
        status, found = checked("--stack", make_stack(KlaviyoApiUrl=url))
    assert (status, found["metrics"]) == (0, ("skipped", "not counted: no metrics:read"))


PENDING = {"SubscriptionArn": "PendingConfirmation", "Protocol": "email"}
CONFIRMED = {"SubscriptionArn": "arn:aws:sns:us-east-1:1:alarms:1", "Protocol": "https"}


@pytest.mark.parametrize(
    ("subscriptions", "health", "found"),
    [
        ([], Health.DOUBTFUL, "nobody is notified: no subscription"),
        ([PENDING], Health.DOUBTFUL, "nobody is notified: not confirmed yet"),
        ([PENDING, CONFIRMED], Health.GOOD, "1 confirmed subscription (https)"),
    ],
)
def test_only_a_confirmed_subscription_is_told_of_alarms(
    subscriptions: list[dict[str, str]], health: Health, found: str
) -> None:
    check = alarm_check(subscriptions)
    assert (check.health, check.found) == (health, found)


def test_alarms_that_reach_somebody_are_good(make_stack: MakeStack) -> None:
    name = make_stack(alarm_email="ops@acme-store.example")
    assert checked("--stack", name)[1]["alarms"] == ("good", "1 confirmed subscription (email)")


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        (
            {"ThrottlingRate": "3333"},
            ("good", "1,000 of the account, unreserved; ThrottlingRate 3,333"),
        ),
        (
            {"ThrottlingRate": "3334"},
            ("doubtful", "1,000 of the account, unreserved; ThrottlingRate 3,334"),
        ),
        (
            {"ThrottlingRate": "200", "WebhookConcurrency": "50"},
            ("doubtful", "50 reserved for the webhook; ThrottlingRate 200"),
        ),
    ],
)
def test_concurrency_is_compared_with_the_rate(
    parameters: dict[str, str], expected: tuple[str, str], make_stack: MakeStack
) -> None:
    assert checked("--stack", make_stack(**parameters))[1]["concurrency"] == expected


def test_stack_that_there_is_not_is_told(aws_variables: dict[str, str]) -> None:
    del aws_variables
    status, found = checked("--stack", "nowhere")
    said = ("bad", "there is no stack nowhere in this account and region")
    assert (status, found) == (1, {"stack": said})


def test_secret_that_was_never_set_is_told_as_that(make_stack: MakeStack) -> None:
    """Secrets Manager calls it "not found", as one that there is not."""
    manager = boto3.client("secretsmanager")
    name = make_stack(secret_arn=manager.create_secret(Name="never-set")["ARN"])
    manager.close()
    _, found = checked("--stack", name)
    expected = "klaviyo_private_key: expected a Klaviyo private key (pk_…)"
    assert found["secret"] == ("bad", expected)
    remedy = f" secret set --stack {name}`"
    for verb in (("rehearse", "you@shop.io"), ("connect", "--source", "shop")):
        result = call(*verb, "--stack", name)
        assert (result.exit_code, remedy in result.stderr) == (3, True)


def test_setting_that_cannot_be_read_is_told(make_stack: MakeStack) -> None:
    status, found = checked("--stack", make_stack(DefaultCountry="Germany"))
    assert (status, found["settings"]) == (1, ("bad", "DEFAULT_COUNTRY"))


@pytest.mark.parametrize("text", NO_URLS)
@pytest.mark.parametrize("place", ["environment", "file"])
def test_address_that_is_none_is_told(place: str, text: str, tmp_path: Path) -> None:
    settings = tmp_path / "settings.env"
    settings.write_text(f"KLAVIYO_API_URL='{text}'\n" if place == "file" else "")
    given = {"KLAVIYO_API_URL": text} if place == "environment" else {}
    keys = {"KLAVIYO_PRIVATE_KEY": PRIVATE_KEY, "SEGMENT_SHARED_SECRET": SHARED_SECRET}
    status, found = checked("--env-file", settings, **keys, **given)
    assert (status, found["settings"]) == (1, ("bad", "KLAVIYO_API_URL"))
    assert found["Klaviyo"] == ("unknown", "not checked without an address that can be read")
    for verb in ("compare", "backfill", "preview"):
        result = call(verb, "--env-file", settings, SAMPLE, **keys, **given)
        assert (result.exit_code, result.stderr) == (
            2,
            "error: KLAVIYO_API_URL: expected a valid URL that begins with https:// or http://\n",
        )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("RETRY_HOURS=900", "a whole number of hours from 1 to 72"),
        ("RETRY_HOURS=abc", "a whole number of hours from 1 to 72"),
        ("PAUSE=maybe", "off or on"),
        ("LEDGER_DAYS=0", "a whole number of days from 1 to 365"),
        ("RETRY_CONCURRENCY=1", "a whole number of functions from 2 to 1000"),
        ("HTTPS_PROXY=http://[", "the URL of a proxy, such as http://proxy.example:3128"),
    ],
)
def test_delivery_settings_are_checked_as_those_of_the_mapping(
    text: str, expected: str, tmp_path: Path
) -> None:
    settings = tmp_path / "settings.env"
    settings.write_text(text)
    name = text.partition("=")[0]
    status, found = checked("--env-file", settings)
    assert (status, found["settings"]) == (1, ("bad", name))
    result = call("preview", "--env-file", settings, SAMPLE)
    assert (result.exit_code, result.stderr) == (2, f"error: {name}: expected {expected}\n")


def test_proxy_of_this_machine_is_no_setting_of_a_preview() -> None:
    """Another program may take what we do not."""
    assert call("preview", SAMPLE, HTTPS_PROXY="socks5://127.0.0.1:1080").exit_code == 0


def test_settings_that_are_not_the_default_are_shown(tmp_path: Path) -> None:
    settings = tmp_path / "settings.env"
    settings.write_text(
        "RETRY_HOURS=48\nLEDGER_DAYS=30\nPAUSE=On\nHTTPS_PROXY=user:password@127.0.0.1:1\n"
    )
    _, found = checked("--env-file", settings)
    shown = "PAUSE=on, RETRY_HOURS=48, HTTPS_PROXY=***@127.0.0.1:1"
    assert found["settings"] == ("good", shown)


def test_one_queue_for_both_is_told(deployment: Deployment) -> None:
    url = deployment.queues.dead_letter_queue_url
    status, found = checked(
        **dict(deployment.variables)
        | {
            "KLAVIYO_PRIVATE_KEY": PRIVATE_KEY,
            "SEGMENT_SHARED_SECRET": SHARED_SECRET,
            "RETRY_QUEUE_URL": url.replace("127.0.0.1", "localhost"),
        }
    )
    said = "the retry queue is the dead-letter queue"
    assert (status, found["queues"]) == (1, ("bad", said))


def test_aws_out_of_reach_is_no_fault_of_the_stack(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    status, found = checked("--stack", "shop")
    assert (status, found) == (3, {"stack": ("unknown", "the stack shop")})


def test_queue_that_there_is_not_is_a_fault(deployment: Deployment) -> None:
    url = deployment.queues.dead_letter_queue_url + "-not"
    keys = {"KLAVIYO_PRIVATE_KEY": PRIVATE_KEY, "SEGMENT_SHARED_SECRET": SHARED_SECRET}
    status, found = checked(**dict(deployment.variables) | keys | {"DEAD_LETTER_QUEUE_URL": url})
    assert (status, found["queues"][0]) == (1, "bad")


def test_without_a_stack_the_environment_is_looked_at(deployment: Deployment) -> None:
    status, found = checked(
        **dict(deployment.variables),
        KLAVIYO_PRIVATE_KEY=PRIVATE_KEY,
        SEGMENT_SHARED_SECRET=SHARED_SECRET,
    )
    assert status == 0
    assert found["stack"][0] == "skipped"
    assert found["dead letters"] == ("good", "none")


def test_stack_gives_other_verbs_its_settings_secret_and_queue(make_stack: MakeStack) -> None:
    name = make_stack(EnforceEmail="false", FallbackOnAnonymousId="true")
    anonymous = json.dumps({"type": "track", "anonymousId": "anon-1", "event": "Seen"})
    _, preview = answer("preview", "--stack", name, "-", stdin=anonymous)
    assert preview["messages"][0]["verdict"] == "mapped"
    captured = signed([track()])
    result = call("verify", "--stack", name, "-", stdin=json.dumps(captured))
    assert result.exit_code == 0
    assert call("dlq", "list", "--stack", name).stdout == "The dead-letter queue is empty.\n"


def test_a_paused_stack_is_said_to_be_paused(make_stack: MakeStack) -> None:
    status, found = checked("--stack", make_stack(Pause="on"))
    assert status == 0
    assert found["pause"] == ("doubtful", "nothing is delivered, everything waits")
