"""The console answers its own page on loopback, and nobody else: byte by byte, over sockets."""

import json
import socket
from pathlib import Path

import pytest

from local import guard
from tests.local.web_console.running import Running


def exchange(running: Running, *lines: str, body: str = "") -> tuple[int, str]:
    """Status and whole answer to a request of these lines; `{port}` is the console's."""
    head = "\r\n".join(line.format(port=running.port) for line in lines)
    request = f"{head}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}"
    with socket.create_connection(("127.0.0.1", running.port), timeout=10) as connection:
        connection.sendall(request.encode())
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
    text = answer.decode()
    return int(text.split()[1]), text


@pytest.mark.parametrize(
    "headers",
    [
        ["Host: 127.0.0.1:{port}"],
        ["Host: localhost:{port}"],
        ["Host: LOCALHOST:{port}"],
        ["Host: 127.0.0.1:{port}", "Origin: http://127.0.0.1:{port}"],
        ["Host: localhost:{port}", "Origin: http://localhost:{port}"],
        ["Host: 127.0.0.1:{port}", "Sec-Fetch-Site: none"],
        ["Host: 127.0.0.1:{port}", "Sec-Fetch-Site: same-origin"],
    ],
)
def test_own_page_is_answered(headers: list[str], destination: Running) -> None:
    assert exchange(destination, "GET /api/state HTTP/1.1", *headers)[0] == 200


FOREIGN = [
    pytest.param(["Host: evil.example"], id="another name"),
    pytest.param(["Host: evil.example:{port}"], id="another name with the port"),
    pytest.param(["Host: 127.0.0.1"], id="no port"),
    pytest.param(["Host: 127.0.0.1:1"], id="another port"),
    pytest.param(["Host: 127.0.0.1.evil.example:{port}"], id="a name that begins like ours"),
    pytest.param(["Host: evil.example#127.0.0.1:{port}"], id="a name that ends like ours"),
    pytest.param(["Host: "], id="blank"),
    pytest.param(["X-Nothing: at all"], id="none"),
    pytest.param(
        ["Host: evil.example", "X-Forwarded-Host: 127.0.0.1:{port}"], id="forwarded for another"
    ),
    pytest.param(
        ["Host: 127.0.0.1:{port}", "Origin: http://evil.example"], id="from a foreign page"
    ),
    pytest.param(["Host: 127.0.0.1:{port}", "Origin: null"], id="from a page without a name"),
    pytest.param(
        ["Host: 127.0.0.1:{port}", "Origin: https://127.0.0.1:{port}"], id="from another scheme"
    ),
    pytest.param(["Host: 127.0.0.1:{port}", "Origin: http://127.0.0.1:1"], id="from another port"),
    pytest.param(
        ["Host: 127.0.0.1:{port}", "Origin: http://localhost:{port}"], id="from the other name"
    ),
    pytest.param(
        ["Host: 127.0.0.1:{port}", "Sec-Fetch-Site: cross-site"], id="recognised by Sec-Fetch-Site"
    ),
    pytest.param(
        ["Host: 127.0.0.1:{port}", "Sec-Fetch-Site: same-site"], id="another port of this machine"
    ),
]


@pytest.mark.parametrize("path", ["/", "/api/state", "/static/app.js", "/nothing"])
@pytest.mark.parametrize("headers", FOREIGN)
def test_stranger_sees_nothing(headers: list[str], path: str, destination: Running) -> None:
    status, answer = exchange(destination, f"GET {path} HTTP/1.1", *headers)
    assert status in (400, 403)
    assert "acme-store" not in answer
    assert "<script" not in answer


@pytest.mark.parametrize("headers", FOREIGN)
def test_stranger_changes_nothing(headers: list[str], destination: Running) -> None:
    line = "POST /api/weather HTTP/1.1"
    body = json.dumps({"kind": "down"})
    status, _ = exchange(destination, line, *headers, "Content-Type: application/json", body=body)
    assert status in (400, 403)
    assert destination.state()["weather"] == {"kind": "fine"}


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded"])
def test_form_of_a_foreign_page_is_no_request(content_type: str, destination: Running) -> None:
    status, _ = exchange(
        destination,
        "POST /api/weather HTTP/1.1",
        "Host: 127.0.0.1:{port}",
        f"Content-Type: {content_type}",
        body='{"kind":"down"}',
    )
    assert status == 415
    assert destination.state()["weather"] == {"kind": "fine"}


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="needs Linux's list of sockets")
def test_console_binds_to_loopback_alone(destination: Running) -> None:
    listening = {
        fields[1].split(":")[0]
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]
        for fields in [line.split()]
        if fields[3] == "0A" and int(fields[1].split(":")[1], 16) == destination.port
    }
    assert listening == {"0100007F"}


@pytest.mark.parametrize(
    "path",
    [
        "/static/../server.py",
        "/static/%2e%2e/server.py",
        "/static/..%2fserver.py",
        "/static/..\\server.py",
    ],
)
def test_nothing_leads_out_of_the_static_files(path: str, destination: Running) -> None:
    assert exchange(destination, f"GET {path} HTTP/1.1", "Host: 127.0.0.1:{port}")[0] == 404


@pytest.mark.parametrize("path", ["/", "/api/state", "/static/app.js", "/nothing"])
def test_every_answer_is_protected(path: str, destination: Running) -> None:
    line = f"GET {path} HTTP/1.1"
    _, answer = exchange(destination, line, "Host: 127.0.0.1:{port}")
    head = answer.partition("\r\n\r\n")[0]
    for name, value in guard.HEADERS.items():
        assert f"{name}: {value}" in head
    assert "default-src 'none'; script-src 'self'" in head
