"""No page in a browser reads or writes what listens on this machine; commands on it do."""

from collections.abc import Iterator
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest

from local import klaviyo_stand_in as klaviyo
from local.aws_stand_in import server as aws
from local.klaviyo_stand_in import Account


@pytest.fixture(params=["AWS", "Klaviyo"])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A server on loopback that containers reach by another name."""
    names = ("127.0.0.1", "localhost", "host.internal")
    server = (
        aws.serve(names=names) if request.param == "AWS" else klaviyo.serve(Account(), names=names)
    )
    with server as its_url:
        yield its_url


def status_of(url: str, headers: dict[str, str]) -> int:
    """The status of a request; `{port}` in a header is the server's."""
    parts = urlsplit(url)
    connection = HTTPConnection(parts.netloc, timeout=10)
    try:
        filled = {name: text.format(port=parts.port) for name, text in headers.items()}
        connection.putrequest("GET", "/moto-api/data.json", skip_host=True)
        for name, text in filled.items():
            connection.putheader(name, text)
        connection.endheaders()
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "127.0.0.1:{port}"},
        {"Host": "localhost:{port}"},
        {"Host": "host.internal:{port}"},
        {"Host": "127.0.0.1:1"},
    ],
    ids=lambda headers: " ".join(headers.values()),
)
def test_a_command_is_answered(url: str, headers: dict[str, str]) -> None:
    assert status_of(url, headers) != 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "rebound.evil.example:{port}"},
        {"Host": "rebound.evil.example:{port}", "Origin": "http://rebound.evil.example:{port}"},
        {"Host": "127.0.0.1:{port}", "Origin": "https://evil.example"},
        {"Host": "127.0.0.1:{port}", "Origin": "null"},
        {"Host": "127.0.0.1:{port}", "Sec-Fetch-Site": "cross-site"},
        {"Host": "127.0.0.1:{port}", "Sec-Fetch-Site": "same-site"},
        {"Host": "127.0.0.1.evil.example:{port}"},
        {"Host": "127.0.0.1"},
        {},
    ],
    ids=lambda headers: " ".join(headers.values()) or "none",
)
def test_a_foreign_page_is_not(url: str, headers: dict[str, str]) -> None:
    assert status_of(url, headers) in (400, 403)
