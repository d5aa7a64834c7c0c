"""The HTTP API in front of the webhook function: what it passes on, and what it answers itself."""

import http.client
import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import pytest

from local.aws_stand_in import http_api
from local.aws_stand_in.function import EventTooLargeError, FunctionError
from local.aws_stand_in.http_api import Answer, Exchange, answer_of, lambda_event_of

BODY = b'{"type":"identify"}'


class Function:
    """Notes its lambda events, and returns or raises `result`."""

    def __init__(self) -> None:
        self.lambda_events: list[Mapping[str, Any]] = []
        self.result: Any = {"statusCode": 200, "headers": {"X-A": "b"}, "body": "fine"}
        self.error: FunctionError | None = None

    def invoke(self, lambda_event: Mapping[str, Any]) -> Any:
        self.lambda_events.append(lambda_event)
        if self.error is not None:
            raise self.error
        return self.result


class Api:
    """The HTTP API as a client sees it; one connection for everything."""

    def __init__(self, function: Function, exchanges: list[Exchange], url: str) -> None:
        self.function = function
        self.exchanges = exchanges
        self.connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)

    def request(
        self,
        method: str = "POST",
        path: str = "/segment",
        body: bytes = BODY,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, bytes]:
        self.connection.request(method, path, body, headers or {"Content-Type": "application/json"})
        answer = self.connection.getresponse()
        return answer.status, answer.read()


@pytest.fixture
def api() -> Iterator[Api]:
    function, exchanges = Function(), list[Exchange]()
    with http_api.serve(function.invoke, on_exchange=exchanges.append) as url:
        api = Api(function, exchanges, url)
        yield api
        api.connection.close()


def test_request_becomes_payload_2_0() -> None:
    lambda_event = lambda_event_of(
        "POST",
        "/segment?a=1&b=2&a=3",
        [("Host", "127.0.0.1:8080"), ("User-Agent", "Segment (Actions)"), ("X-Signature", "ab")],
        BODY,
        "127.0.0.1",
    )
    context = lambda_event["requestContext"]
    assert {"requestId", "time", "timeEpoch"} <= context.keys()
    for unpredictable in ("requestId", "time", "timeEpoch"):
        del context[unpredictable]
    assert lambda_event == {
        "version": "2.0",
        "routeKey": "POST /segment",
        "rawPath": "/segment",
        "rawQueryString": "a=1&b=2&a=3",
        "queryStringParameters": {"a": "1,3", "b": "2"},
        "headers": {
            "host": "127.0.0.1:8080",
            "user-agent": "Segment (Actions)",
            "x-signature": "ab",
            "x-forwarded-for": "127.0.0.1",
            "x-forwarded-port": "8080",
            "x-forwarded-proto": "http",
        },
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "local",
            "domainName": "127.0.0.1:8080",
            "domainPrefix": "local",
            "http": {
                "method": "POST",
                "path": "/segment",
                "protocol": "HTTP/1.1",
                "sourceIp": "127.0.0.1",
                "userAgent": "Segment (Actions)",
            },
            "routeKey": "POST /segment",
            "stage": "$default",
        },
        "body": "eyJ0eXBlIjoiaWRlbnRpZnkifQ==",
        "isBase64Encoded": True,
    }


@pytest.mark.parametrize(
    ("content_type", "body", "expected"),
    [
        ("application/json", b"{}", ("{}", False)),
        ("Application/JSON; charset=utf-8", b"{}", ("{}", False)),
        ("text/plain", "é".encode(), ("é", False)),
        ("application/octet-stream", b"{}", ("e30=", True)),
        ("application/vnd.api+json", b"{}", ("e30=", True)),
        ("application/json", b"\xff", ("/w==", True)),
        ("application/json", b"", (None, False)),
    ],
)
def test_body_is_text_only_for_types_that_are_text(
    content_type: str, body: bytes, expected: tuple[str | None, bool]
) -> None:
    headers = [("Content-Type", content_type)]
    lambda_event = lambda_event_of("POST", "/segment", headers, body, "127.0.0.1")
    assert (lambda_event.get("body"), lambda_event["isBase64Encoded"]) == expected


def test_repeated_header_is_joined() -> None:
    headers = [("X-Signature", "a"), ("x-signature", "b")]
    lambda_event = lambda_event_of("POST", "/segment", headers, b"", "127.0.0.1")
    assert lambda_event["headers"]["x-signature"] == "a,b"


@pytest.mark.parametrize(
    ("result", "answer"),
    [
        (
            {"statusCode": 401, "headers": {"A": "b"}, "body": "no"},
            Answer(401, {"A": "b"}, b"no"),
        ),
        (
            {"statusCode": 200, "body": "aGk=", "isBase64Encoded": True},
            Answer(200, {}, b"hi"),
        ),
        ({"statusCode": 204}, Answer(204, {}, b"")),
        ({"ok": 1}, Answer(200, {"Content-Type": "application/json"}, b'{"ok": 1}')),
    ],
)
def test_result_becomes_an_answer(result: Any, answer: Answer) -> None:
    assert answer_of(result) == answer


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_routes_to_the_function(api: Api, method: str) -> None:
    assert api.request(method) == (200, b"fine")
    (lambda_event,) = api.function.lambda_events
    assert lambda_event["routeKey"] == f"{method} /segment"
    assert lambda_event["body"] == BODY.decode()


def test_answers_404_beside_its_routes(api: Api) -> None:
    for method, path in (("GET", "/segment"), ("DELETE", "/segment"), ("POST", "/other")):
        assert api.request(method, path) == (404, b'{"message": "Not Found"}')
    assert api.function.lambda_events == []


@pytest.mark.parametrize(
    ("error", "answer"),
    [
        (FunctionError("it died"), (500, b'{"message": "Internal Server Error"}')),
        (EventTooLargeError("too large"), (413, b'{"message": "Request Entity Too Large"}')),
    ],
)
def test_answers_for_a_function_that_has_none(
    api: Api, error: FunctionError, answer: tuple[int, bytes]
) -> None:
    api.function.error = error
    assert api.request() == answer


def test_answers_413_above_ten_megabytes(api: Api) -> None:
    limit = 10 * 1024 * 1024
    assert api.request(body=b"x" * (limit + 1))[0] == 413
    assert api.function.lambda_events == []
    assert api.request(body=b"x" * limit)[0] == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Length": "ten"}, 400),
        ({"Content-Length": "-1"}, 400),
        ({"Transfer-Encoding": "chunked"}, 411),
    ],
)
def test_turns_away_a_body_whose_length_it_cannot_tell(
    api: Api, headers: dict[str, str], status: int
) -> None:
    assert api.request(body=b"", headers=headers)[0] == status
    assert api.function.lambda_events == []


def test_tells_each_exchange(api: Api) -> None:
    api.request()
    (exchange,) = api.exchanges
    assert (exchange.method, exchange.path, exchange.status, exchange.body) == (
        "POST",
        "/segment",
        200,
        "fine",
    )
    assert exchange.seconds > 0


def test_calls_that_come_together_are_all_answered(api: Api) -> None:
    connections = [
        http.client.HTTPConnection(api.connection.host, api.connection.port, timeout=10)
        for _ in range(20)
    ]
    for number, connection in enumerate(connections):
        connection.request("POST", "/segment", json.dumps(number))
    answers = [connection.getresponse() for connection in connections]
    assert [(answer.status, answer.read()) for answer in answers] == [(200, b"fine")] * 20
    for connection in connections:
        connection.close()
