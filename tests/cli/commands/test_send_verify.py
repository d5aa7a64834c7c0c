"""`send` and `verify`: signed as Segment signs, and what is wrong with a signature."""

import base64
import gzip
import hashlib
import hmac
import io
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from cli.segment.signature import signature
from local.aws_stand_in.function import ROOT
from local.klaviyo_stand_in import Weather
from preview import ADVICE
from tests.cli.calling import SECRET, answer, call, lines
from tests.deployment import Deployment
from tests.handler.aws.test_environment import NO_URLS
from tests.handler.calls import identify, track


class Door:
    """The real webhook function behind HTTP; `received` holds what came."""

    def __init__(self, deployment: Deployment) -> None:
        self.received: list[tuple[bytes, dict[str, str]]] = []
        self.status: int | None = None
        door = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                door.received.append((body, headers))
                lambda_event = {
                    "headers": headers,
                    "body": base64.b64encode(body).decode(),
                    "isBase64Encoded": True,
                }
                # The function writes its metrics where the command writes its answers.
                with redirect_stdout(io.StringIO()):
                    status, document = deployment.webhook(lambda_event)
                content = json.dumps(document).encode()
                self.send_response(door.status or status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/segment"


@pytest.fixture
def door(deployment: Deployment) -> Iterator[Door]:
    with served(deployment) as found:
        yield found


@contextmanager
def served(deployment: Deployment) -> Iterator[Door]:
    found = Door(deployment)
    thread = threading.Thread(target=found.server.serve_forever, args=(0.02,))
    thread.start()
    yield found
    found.server.shutdown()
    thread.join()
    found.server.server_close()


def send(door: Door, *arguments: object, **variables: str) -> tuple[int, list[dict[str, Any]]]:
    status, output, _ = post(door, "--json", *arguments, **variables)
    return status, [json.loads(line) for line in output.splitlines()]


def post(door: Door, *arguments: object, **variables: str) -> tuple[int, str, str]:
    variables = {"SEGMENT_SHARED_SECRET": SECRET} | variables
    result = call("send", "--url", door.url, *arguments, **variables)
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "messages.jsonl"
    path.write_text("".join(json.dumps(track(n)) + "\n" for n in range(5)))
    return path


def test_one_message_goes_as_an_object_signed_whole(door: Door, tmp_path: Path) -> None:
    file = tmp_path / "one.json"
    file.write_text(json.dumps(track(), indent=2))
    status, [answered] = send(door, file)
    [(body, headers)] = door.received
    assert (status, answered["status"], answered["answer"]["delivered"]) == (0, 200, 1)
    assert json.loads(body) == track()
    assert headers["x-signature"] == signature(body, SECRET)


@pytest.mark.parametrize(
    ("options", "sizes"),
    [((), [5]), (("--batch-size", "2"), [2, 2, 1]), (("--single",), [1, 1, 1, 1, 1])],
)
def test_several_go_in_batches_as_segment_makes_them(
    options: tuple[str, ...], sizes: list[int], door: Door, file: Path
) -> None:
    status, answered = send(door, *options, file)
    assert status == 0
    assert [each["answer"]["delivered"] for each in answered] == sizes
    assert [each["messages"] for each in answered] == sizes
    documents = [json.loads(body) for body, _ in door.received]
    assert [isinstance(document, dict) for document in documents] == ["--single" in options] * len(
        sizes
    )


def test_test_event_is_one_message_of_that_address(door: Door, deployment: Deployment) -> None:
    status, [answered] = send(door, "--test-event", "you@acme-store.example")
    assert (status, answered["answer"]["delivered"]) == (0, 1)
    [event] = deployment.account.events
    assert event.metric == "Test Event"


def test_sample_events_are_signed_anew(door: Door) -> None:
    assert send(door, ROOT / "events" / "wrong-signature.json")[0] == 0


def test_rejection_is_shown_and_is_status_1(door: Door, tmp_path: Path) -> None:
    file = tmp_path / "bad.json"
    file.write_text(json.dumps([track(), track(2, userId=[]), {"type": "page", "messageId": "p"}]))
    status, output, _ = post(door, file)
    assert status == 1
    first, *others = (" ".join(line.split()) for line in output.splitlines())
    assert first.endswith("3 messages: 1 delivered, 1 dropped, 1 rejected")
    assert others == [
        "track-2 rejected invalid_message: userId: must be string or number or null",
        "p dropped unsupported_type",
        *map(advice_on, ("invalid_message", "unsupported_type")),
    ]


def advice_on(code: str) -> str:
    return f"{code}: {ADVICE[code].meaning} {ADVICE[code].remedy}"


def test_refusal_comes_with_what_to_do(door: Door, deployment: Deployment, tmp_path: Path) -> None:
    deployment.account.set_weather(Weather(refuse_items="pointer", refuses=lambda _: True))
    file = tmp_path / "one.json"
    file.write_text(json.dumps(track()))
    status, output, _ = post(door, file)
    assert status == 1
    assert output.splitlines()[-1] == advice_on("refused")


def test_test_event_needs_an_address() -> None:
    result = call("send", "--url", "http://127.0.0.1:1/x", "--test-event", "nonsense")
    assert (result.exit_code, result.stderr) == (
        2,
        "error: --test-event: expected an e-mail address, such as you@your-company.com\n",
    )


def test_test_event_that_is_dropped_is_a_problem(deployment: Deployment) -> None:
    rules = {"RULES": '[events]\ndeny = ["Test Event"]'}
    with served(replace(deployment, variables={**deployment.variables, **rules})) as door:
        status, [answered] = send(door, "--test-event", "you@acme-store.example")
    assert (status, answered["answer"]["dropped"]) == (1, 1)


@pytest.mark.parametrize(
    ("before", "status", "said"),
    [
        (0, 2, "line 1: a value should stand here (column 1). Nothing was sent"),
        (
            3,
            3,
            "line 4: a value should stand here (column 1). 3 messages before it were sent",
        ),
    ],
    ids=["first", "after others"],
)
def test_junk_is_said_to_be_junk(
    before: int, status: int, said: str, door: Door, tmp_path: Path
) -> None:
    file = tmp_path / "junk.jsonl"
    messages = "".join(json.dumps(track(n)) + "\n" for n in range(before))
    file.write_text(f"{messages}hello world\n")
    ended, _, error = post(door, "--batch-size", "1", "--single", file)
    assert (ended, error) == (status, f"error: {file}, {said}\n")


def test_file_without_messages_is_told_in_whole_sentences(door: Door, tmp_path: Path) -> None:
    file = tmp_path / "none.json"
    file.write_text("[]")
    status, _, error = post(door, file)
    said = "The body holds no message. Send one object or an array of objects. Nothing was sent"
    assert (status, error) == (2, f"error: {file}, line 1: {said}\n")


@pytest.mark.parametrize("text", NO_URLS)
def test_url_of_the_webhook_is_checked(text: str, file: Path) -> None:
    result = call("send", "--url", text, file)
    expected = "error: --url: expected a valid URL that begins with https:// or http://\n"
    assert (result.exit_code, result.stderr) == (2, expected)


def test_wrong_secret_is_status_1_and_says_where_to_look(door: Door, file: Path) -> None:
    status, output, error = post(door, file, SEGMENT_SHARED_SECRET="another")
    assert status == 1
    assert output.startswith("401 ")
    assert "invalid_signature" in output
    assert "has another secret" in error


def test_what_segment_would_send_again_is_status_3(door: Door, file: Path) -> None:
    door.status = 503
    assert send(door, file)[0] == 3


def test_token_goes_along(door: Door, file: Path) -> None:
    send(door, file, WEBHOOK_TOKEN="token-1")
    assert door.received[0][1]["authorization"] == "Bearer token-1"


# verify

BODY = json.dumps([identify(), track()], separators=(",", ":"), ensure_ascii=False).encode()
FIRST = json.dumps(identify(), separators=(",", ":"), ensure_ascii=False).encode()


def sha1(content: bytes, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), content, hashlib.sha1).hexdigest()


def spaced(body: bytes) -> bytes:
    return json.dumps(json.loads(body)).encode()


RIGHT = sha1(BODY)


@pytest.mark.parametrize(
    ("body", "header", "secret", "signed", "causes"),
    [
        pytest.param(BODY, RIGHT, SECRET, "body", [], id="the whole body"),
        pytest.param(BODY, sha1(FIRST), SECRET, "first_element", [], id="the first element"),
        pytest.param(BODY, RIGHT.upper(), SECRET, "body", [], id="capitals"),
        pytest.param(BODY + b"\n", RIGHT, SECRET, "body", ["trailing_newline"], id="newline"),
        pytest.param(
            BODY, sha1(BODY + b"\n"), SECRET, "body", ["newline_removed"], id="no newline"
        ),
        pytest.param(spaced(BODY), RIGHT, SECRET, "body", ["reserialised"], id="parsed"),
        pytest.param(
            spaced(BODY), sha1(FIRST), SECRET, "first_element", ["reserialised"], id="parsed batch"
        ),
        pytest.param(
            json.dumps(json.loads(BODY), indent=2).encode(),
            RIGHT,
            SECRET,
            "body",
            ["reserialised"],
            id="pretty",
        ),
        pytest.param(base64.b64encode(BODY), RIGHT, SECRET, "body", ["base64"], id="base64"),
        pytest.param(
            base64.b64encode(BODY), sha1(FIRST), SECRET, "first_element", ["base64"], id="both"
        ),
        pytest.param(gzip.compress(BODY), RIGHT, SECRET, "body", ["compressed"], id="compressed"),
        pytest.param(
            b"\xef\xbb\xbf" + BODY, RIGHT, SECRET, "body", ["byte_order_mark"], id="byte order mark"
        ),
        pytest.param(
            BODY, RIGHT, f" {SECRET}\n", "body", ["secret_with_spaces"], id="secret with spaces"
        ),
        pytest.param(
            BODY, RIGHT, f'"{SECRET}"', "body", ["secret_in_quotes"], id="secret in quotes"
        ),
        pytest.param(
            BODY + b"\n",
            RIGHT,
            f"{SECRET} ",
            "body",
            ["trailing_newline", "secret_with_spaces"],
            id="two causes",
        ),
        pytest.param(BODY, f"sha1={RIGHT}", SECRET, "body", ["decorated"], id="prefix"),
        pytest.param(
            BODY,
            base64.b64encode(bytes.fromhex(RIGHT)).decode(),
            SECRET,
            "body",
            ["signature_in_base64"],
            id="signature in base64",
        ),
        pytest.param(
            BODY,
            hmac.new(SECRET.encode(), BODY, "sha256").hexdigest(),
            SECRET,
            "body",
            ["other_algorithm"],
            id="SHA-256",
        ),
        pytest.param(BODY, sha1(BODY, "x"), SECRET, None, ["wrong_secret"], id="wrong secret"),
        pytest.param(BODY, "hello", SECRET, None, ["malformed"], id="malformed"),
        pytest.param(BODY, "", SECRET, None, ["missing"], id="missing"),
    ],
)
def test_cause_is_named(
    body: bytes, header: str, secret: str, signed: str, causes: list[str], tmp_path: Path
) -> None:
    file = tmp_path / "body"
    file.write_bytes(body)
    status, document = answer("verify", file, "--signature", header, SEGMENT_SHARED_SECRET=secret)
    assert status == (1 if causes else 0)
    assert (document["matches"], document["signed"]) == (not causes, signed)
    assert [cause["code"] for cause in document["causes"]] == causes
    assert document["body_bytes"] == len(body)
    assert SECRET not in json.dumps(document)


def test_event_of_an_http_api_brings_its_header_along() -> None:
    result = call("verify", ROOT / "events" / "base64.json", SEGMENT_SHARED_SECRET=SECRET)
    assert (result.exit_code, result.stdout) == (
        0,
        "It matches. It is signed over the whole body.\n",
    )


def test_cause_is_told_with_its_remedy(tmp_path: Path) -> None:
    file = tmp_path / "body"
    file.write_bytes(BODY + b"\n")
    result = call("verify", file, "--signature", RIGHT, SEGMENT_SHARED_SECRET=SECRET)
    assert lines(result) == [
        "It does not match.",
        "A line break was added at the end of the body.",
        "→ Pass the bytes of the body on as they came, before anything parses them.",
    ]
