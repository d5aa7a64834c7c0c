"""The secret is read from Secrets Manager: moto's server, over HTTP."""

import http.server
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import boto3
import pytest

from handler.credentials import CredentialsUnavailable
from handler.secret import fetch_secret

TEXT = '{"klaviyo_private_key": "pk_1"}'


@pytest.fixture
def arn(aws_variables: dict[str, str]) -> Iterator[str]:
    client = boto3.client("secretsmanager")
    arn = client.create_secret(Name="klaviyo-secret-test", SecretString=TEXT)["ARN"]
    yield arn
    client.delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True)


def test_a_secret_is_read(arn: str) -> None:
    assert fetch_secret(arn, 2.0) == TEXT


def test_without_keys_in_the_environment_boto3_finds_them(
    arn: str, monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    file = f"{tmp_path}/credentials"
    with open(file, "w") as credentials:  # noqa: PTH123
        credentials.write("[default]\naws_access_key_id = a\naws_secret_access_key = b\n")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", file)
    assert fetch_secret(arn, 2.0) == TEXT


@pytest.mark.parametrize("with_keys", [True, False], ids=["by request", "by boto3"])
def test_a_secret_that_is_not_there_is_told_by_its_code(
    aws_variables: dict[str, str], with_keys: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not with_keys:
        monkeypatch.delenv("AWS_REGION", raising=False)
    name = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:none" if with_keys else "none"
    with pytest.raises(CredentialsUnavailable) as caught:
        fetch_secret(name, 2.0)
    assert str(caught.value) == "the secret cannot be read: ResourceNotFoundException"


@contextmanager
def answering(answers: Sequence[tuple[int, bytes]]) -> Iterator[tuple[str, list[str]]]:
    """An endpoint that gives these answers, one a request, and the targets it was asked for."""
    left, targets = list(answers), []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            targets.append(self.headers["X-Amz-Target"])
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


ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:klaviyo"
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
    assert str(caught.value) == "the secret cannot be read: ConnectionRefusedError"
