"""The secret is read from Secrets Manager: moto's server, over HTTP."""

import http.server
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import boto3
import botocore.session
import pytest

from handler.aws.credentials import CredentialsUnavailable
from handler.aws.json_api import suffix_of
from handler.aws.secret import fetch_secret

ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:klaviyo"
TEXT = '{"klaviyo_private_key": "pk_1"}'


@pytest.fixture
def arn(aws_variables: dict[str, str]) -> Iterator[str]:
    client = boto3.client("secretsmanager")
    arn = client.create_secret(Name="klaviyo-secret-test", SecretString=TEXT)["ARN"]
    yield arn
    client.delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True)


def test_a_secret_is_read(arn: str) -> None:
    assert fetch_secret(arn, 2.0) == TEXT


def test_under_snap_start_a_local_endpoint_hands_out_the_keys(
    arn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = b'{"AccessKeyId": "a", "SecretAccessKey": "b", "Token": "t"}'
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    with answering([(200, keys)]) as (url, tokens):
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{url}/2021-02-01/credentials")
        monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "token")
        assert fetch_secret(arn, 2.0) == TEXT
    assert tokens == ["token"]


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (None, "the role has no keys here"),
        ((200, b"{}"), "the role's keys cannot be read"),
        ((500, b"no JSON"), "the role's keys cannot be read"),
    ],
)
def test_a_role_without_keys_is_told(
    answer: tuple[int, bytes] | None, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)
    with answering([answer] if answer else []) as (url, _):
        if answer:
            monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", url)
        with pytest.raises(CredentialsUnavailable) as caught:
            fetch_secret(ARN, 2.0)
    assert str(caught.value) == f"the secret cannot be read: {text}"


@pytest.mark.parametrize("name", ["arn:aws:secretsmanager:eu-west-1:123456789012:secret:none", "x"])
def test_a_secret_that_is_not_there_is_told_by_its_code(
    aws_variables: dict[str, str], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    with pytest.raises(CredentialsUnavailable) as caught:
        fetch_secret(name, 2.0)
    assert str(caught.value) == "the secret cannot be read: ResourceNotFoundException"


def test_a_name_needs_a_region(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_REGION", raising=False)
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    with pytest.raises(CredentialsUnavailable) as caught:
        fetch_secret("klaviyo", 2.0)
    assert str(caught.value) == "the secret cannot be read: AWS_REGION is not set"


@pytest.mark.alone
def test_a_secret_that_drips_ends_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{listener.getsockname()[1]}")
        done = threading.Event()

        def drip(connection: socket.socket) -> None:
            with connection, suppress(OSError):
                while not done.wait(0.02):
                    connection.sendall(b"H")

        def serve() -> None:
            for _ in range(2):
                threading.Thread(target=drip, args=(listener.accept()[0],)).start()

        server = threading.Thread(target=serve)
        server.start()
        began = time.monotonic()
        with pytest.raises(CredentialsUnavailable) as caught:
            fetch_secret(ARN, 0.4)
        assert time.monotonic() - began < 0.8
        done.set()
        server.join()
    assert str(caught.value) == "the secret cannot be read: no answer in time"


@contextmanager
def answering(answers: Sequence[tuple[int, bytes]]) -> Iterator[tuple[str, list[str]]]:
    """An endpoint that gives these answers, one a request, and which targets or tokens came."""
    left, targets = list(answers), []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            targets.append(self.headers["Authorization"])
            self.answer()

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            targets.append(self.headers["X-Amz-Target"])
            self.answer()

        def answer(self) -> None:
            status, body = left.pop(0)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", targets
        server.shutdown()
        thread.join()


GOOD = (200, b'{"SecretString": "text"}')


@pytest.mark.parametrize(
    ("answers", "outcome", "requests"),
    [
        ([GOOD], "text", 1),
        ([(500, b""), GOOD], "text", 2),
        ([(500, b"no JSON"), (503, b"")], "the secret cannot be read: status 503", 2),
        (
            [(400, b'{"__type": "AccessDeniedException", "Message": "canary"}')],
            "the secret cannot be read: AccessDeniedException",
            1,
        ),
        ([(400, b'{"__type": "ns#Code"}')], "the secret cannot be read: Code", 1),
        ([(200, b'{"SecretBinary": "AA=="}')], "the secret holds no text", 1),
        ([(200, b"[]")], "the secret holds no text", 1),
    ],
)
def test_what_an_answer_means(
    answers: Sequence[tuple[int, bytes]],
    outcome: str,
    requests: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    with answering(answers) as (url, targets):
        monkeypatch.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", url)
        try:
            given = fetch_secret(ARN, 2.0)
        except CredentialsUnavailable as error:
            given = str(error)
    assert (given, targets) == (outcome, ["secretsmanager.GetSecretValue"] * requests)


def test_nobody_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(CredentialsUnavailable) as caught:
        fetch_secret(ARN, 2.0)
    assert str(caught.value) == "the secret cannot be read: no connection"


def test_every_partition_of_aws_has_its_own_domain() -> None:
    partitions = botocore.session.get_session().get_data("partitions")["partitions"]
    assert len(partitions) > 5
    for partition in partitions:
        for region in partition["regions"]:
            if not region.endswith("global"):
                assert suffix_of(region) == partition["outputs"]["dnsSuffix"], region
