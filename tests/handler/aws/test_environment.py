"""The functions' environment variables."""

import subprocess
import sys
from pathlib import Path

import pytest

from handler.aws.environment import CODE, Environment, is_url
from klaviyo_mapping.settings.declaration import SettingError
from klaviyo_mapping.settings.rules import Rules
from klaviyo_mapping.settings.rules_file import read_rules
from klaviyo_mapping.settings.settings import Settings

LEAST = {
    "CREDENTIALS_SECRET_ARN": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:klaviyo",
    "RETRY_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/123456789012/retry",
    "DEAD_LETTER_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/123456789012/dead",
}

NO_URLS = (
    "a.klaviyo.com",
    "junk",
    "http://",
    "https://",
    "ftp://a.b",
    "https://[::1",
    "https://[::1]x",
    "https://a b.com",
    "https://%zz",
    "https://a?x",
    "https://a#x",
    "https://a\\b",
    "https://*",
    "https://ä.example",
    "https://a.klaviyo.com:99999",
    "https://a.klaviyo.com:x",
)


def test_the_least_that_must_be_set_gives_the_defaults() -> None:
    assert Environment.read(LEAST) == Environment(
        settings=Settings(),
        klaviyo_api_url="https://a.klaviyo.com",
        retry_queue_url=LEAST["RETRY_QUEUE_URL"],
        dead_letter_queue_url=LEAST["DEAD_LETTER_QUEUE_URL"],
        credentials_secret_arn=LEAST["CREDENTIALS_SECRET_ARN"],
        klaviyo_private_key=None,
        segment_shared_secret=None,
        retry_hours=24,
    )


def test_every_variable_is_read() -> None:
    environment = Environment.read(
        LEAST
        | {
            "KLAVIYO_API_URL": "http://127.0.0.1:8081",
            "KLAVIYO_PRIVATE_KEY": "pk_x",
            "SEGMENT_SHARED_SECRET": "s",
            "RETRY_HOURS": "48",
            "RETRY_CONCURRENCY": "3",
            "PAUSE": "on",
            "LEDGER_TABLE": "a-table",
            "LEDGER_DAYS": "7",
            "LEDGER_KEY": "k",
            "HTTPS_PROXY": "http://proxy.example:3128",
            "NO_PROXY": ".amazonaws.com",
            "AWS_ENDPOINT_URL": "http://127.0.0.1:8082",
            "LIST_ID": "LIST1",
        }
    )
    assert environment == Environment(
        settings=Settings(list_id="LIST1"),
        klaviyo_api_url="http://127.0.0.1:8081",
        retry_queue_url=LEAST["RETRY_QUEUE_URL"],
        dead_letter_queue_url=LEAST["DEAD_LETTER_QUEUE_URL"],
        credentials_secret_arn=LEAST["CREDENTIALS_SECRET_ARN"],
        klaviyo_private_key="pk_x",
        segment_shared_secret="s",
        retry_hours=48,
        retry_concurrency=3,
        pause="on",
        ledger_table="a-table",
        ledger_days=7,
        ledger_key="k",
        https_proxy="http://proxy.example:3128",
        no_proxy=".amazonaws.com",
        aws_endpoint_url="http://127.0.0.1:8082",
    )


def test_the_retry_window_in_seconds() -> None:
    assert Environment.read(LEAST | {"RETRY_HOURS": "2"}).retry_seconds == 7200
    assert Environment.read(LEAST | {"LEDGER_DAYS": "2"}).ledger_seconds == 172_800


def test_both_stand_ins_serve_without_a_secret() -> None:
    variables = LEAST | {"KLAVIYO_PRIVATE_KEY": "pk_x", "SEGMENT_SHARED_SECRET": "s"}
    del variables["CREDENTIALS_SECRET_ARN"]
    assert Environment.read(variables).credentials_secret_arn is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"CREDENTIALS_SECRET_ARN": ""},
            "CREDENTIALS_SECRET_ARN: expected the ARN of the secret with klaviyo_private_key and "
            "segment_shared_secret (or, in development, KLAVIYO_PRIVATE_KEY and "
            "SEGMENT_SHARED_SECRET)",
        ),
        (
            {"RETRY_QUEUE_URL": " "},
            "RETRY_QUEUE_URL: expected a valid URL that begins with https:// or http://",
        ),
        (
            {"DEAD_LETTER_QUEUE_URL": "dead"},
            "DEAD_LETTER_QUEUE_URL: expected a valid URL that begins with https:// or http://",
        ),
        (
            {"KLAVIYO_API_URL": "a.klaviyo.com"},
            "KLAVIYO_API_URL: expected a valid URL that begins with https:// or http://",
        ),
        (
            {"KLAVIYO_API_URL": "https://a..klaviyo.com"},
            "KLAVIYO_API_URL: expected a valid URL that begins with https:// or http://",
        ),
        (
            {"KLAVIYO_API_URL": "http://127.0.0.1:99999"},
            "KLAVIYO_API_URL: expected a valid URL that begins with https:// or http://",
        ),
        (
            {"KLAVIYO_API_URL": "https://[a.klaviyo.com"},
            "KLAVIYO_API_URL: expected a valid URL that begins with https:// or http://",
        ),
        (
            {"HTTPS_PROXY": "http://user:password@:3128"},
            "HTTPS_PROXY: expected the URL of a proxy, such as http://proxy.example:3128",
        ),
        (
            {"RETRY_CONCURRENCY": "1"},
            "RETRY_CONCURRENCY: expected a whole number of functions from 2 to 1000",
        ),
        ({"RETRY_HOURS": "0"}, "RETRY_HOURS: expected a whole number of hours from 1 to 72"),
        ({"LEDGER_DAYS": "0"}, "LEDGER_DAYS: expected a whole number of days from 1 to 365"),
        ({"RETRY_HOURS": "1.5"}, "RETRY_HOURS: expected a whole number of hours from 1 to 72"),
        ({"ENFORCE_EMAIL": "maybe"}, "ENFORCE_EMAIL: expected true or false"),
    ],
)
def test_a_variable_that_cannot_be_read_is_named_with_what_it_takes(
    changes: dict[str, str], message: str
) -> None:
    with pytest.raises(SettingError) as caught:
        Environment.read(LEAST | changes)
    assert str(caught.value) == message


def test_rules_are_read_from_the_file(tmp_path: Path) -> None:
    file = tmp_path / "rules.toml"
    file.write_text('[types]\ndeny = ["track"]')
    environment = Environment.read(LEAST | {"RULES_FILE": str(file), "LIST_ID": "LIST1"})
    assert environment.rules_file == str(file)
    assert environment.settings == Settings(
        list_id="LIST1", rules=Rules(deny_types=frozenset({"track"}))
    )


def test_the_files_path_is_counted_from_the_code() -> None:
    settings = Environment.read(LEAST | {"RULES_FILE": "rules.example.toml"}).settings
    assert settings.rules == read_rules((CODE / "rules.example.toml").read_text())
    assert (CODE / "handler" / "webhook.py").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            b'[events]\nalow = ["A"]',
            "RULES_FILE: {path} [events] alow: expected allow or deny, and nothing else",
        ),
        (
            b"[events",
            "RULES_FILE: {path} rules: expected TOML, which it is not: "
            "Expected ']' at the end of a table declaration (at end of document)",
        ),
        (
            b"\xff",
            "RULES_FILE: {path}: expected a text file in UTF-8 at this path, counted from {code}",
        ),
        (
            None,
            "RULES_FILE: {path}: expected a text file in UTF-8 at this path, counted from {code}",
        ),
    ],
)
def test_a_mistake_in_the_file_is_named_with_file_table_and_key(
    content: bytes | None, message: str, tmp_path: Path
) -> None:
    file = tmp_path / "rules.toml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SettingError) as caught:
        Environment.read(LEAST | {"RULES_FILE": str(file)})
    assert str(caught.value) == message.format(path=file, code=CODE)
    assert caught.value.name == "RULES_FILE"


def test_rules_stand_in_a_file_or_in_a_variable_not_in_both() -> None:
    with pytest.raises(SettingError) as caught:
        Environment.read(LEAST | {"RULES_FILE": "rules.example.toml", "RULES": "[traits]"})
    assert (
        str(caught.value)
        == "RULES_FILE: expected no file together with RULES: set only one of them"
    )


def test_the_parser_of_rules_is_not_loaded_without_a_file() -> None:
    code = (
        "import sys; from handler.aws.environment import Environment; "
        f"Environment.read({LEAST!r}); print('tomllib' in sys.modules)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(CODE)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stdout == "False\n"


def test_an_environment_does_not_show_its_secrets() -> None:
    environment = Environment.read(
        LEAST | {"KLAVIYO_PRIVATE_KEY": "pk_canary", "SEGMENT_SHARED_SECRET": "canary"}
    )
    assert "canary" not in repr(environment)


@pytest.mark.parametrize(
    "text",
    [
        "https://a.klaviyo.com",
        "https://a.klaviyo.com./",
        "http://127.0.0.1:8081",
        "http://[::1]:8081",
        "http://user:password@proxy_1.example:3128/path?query",
    ],
)
def test_url_that_can_be_reached(text: str) -> None:
    assert is_url(text)


@pytest.mark.parametrize("text", NO_URLS)
def test_url_that_no_connection_can_be_made_to(text: str) -> None:
    assert not is_url(text)
