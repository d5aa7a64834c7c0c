"""Klaviyo's stand-in behind HTTP."""

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from local.klaviyo_stand_in import Account, Weather, serve
from tests.local.klaviyo_stand_in.caller import (
    HEADERS,
    account,
    entry,
    event,
    events_job,
    profile,
    recorded,
)

ROOT = Path(__file__).parents[3]


def posted(session: requests.Session, url: str, document: Any) -> requests.Response:
    return session.post(url, json.dumps(document), headers=HEADERS, timeout=10)


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with requests.Session() as opened:
        yield opened


@contextmanager
def connected(url: str) -> Iterator[socket.socket]:
    address = urlsplit(url)
    with socket.create_connection((address.hostname, address.port), timeout=10) as opened:
        yield opened


def test_a_request_gets_the_accounts_answer(session: requests.Session) -> None:
    made = Account(keys={"pk_test"}, limits="published")
    with serve(made) as url:
        response = posted(session, f"{url}/api/profile-import", {"data": profile()})
    [ann] = made.profiles
    assert (response.status_code, response.json()["data"]["id"]) == (201, ann.id)
    assert response.headers["Content-Type"] == "application/vnd.api+json"
    assert response.headers["RateLimit-Limit"] == "75, 75;w=1, 750;w=60"


def test_an_answer_without_a_body_is_complete(session: requests.Session) -> None:
    with serve(account()) as url:
        response = posted(session, f"{url}/api/events", event())
    assert (response.status_code, response.content) == (202, b"")
    assert response.headers["Content-Length"] == "0"


def test_a_connection_serves_many_requests() -> None:
    body = json.dumps(event()).encode()
    headers = {"Host": "127.0.0.1:1", **HEADERS, "Content-Length": str(len(body))}
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    raw = f"POST /api/events HTTP/1.1\r\n{head}\r\n".encode() + body
    with serve(account()) as url, connected(url) as connection:
        for _ in range(3):
            connection.sendall(raw)
            assert connection.recv(65_536).startswith(b"HTTP/1.1 202 Accepted\r\n")


def test_a_connection_is_closed_when_the_client_asks(session: requests.Session) -> None:
    with serve(account()) as url:
        response = session.get(
            f"{url}/api/lists", headers={**HEADERS, "Connection": "close"}, timeout=10
        )
    assert response.headers["Connection"] == "close"


def test_five_megabytes_pass_and_more_are_413(session: requests.Session) -> None:
    padding = {f"p{number}": "x" * 99_000 for number in range(49)}
    with serve(account()) as url:
        response = posted(session, f"{url}/api/events", event(properties=padding))
        assert response.status_code == 202
        padding |= {f"q{number}": "x" * 99_000 for number in range(5)}
        response = posted(session, f"{url}/api/events", event(properties=padding))
        assert response.status_code == 413
        assert posted(session, f"{url}/api/events", event()).status_code == 202


@pytest.mark.parametrize(("cut", "recorded_events"), [("before", 0), ("after", 1)])
def test_a_cut_connection_is_reset(
    session: requests.Session, cut: Any, recorded_events: int
) -> None:
    made = account()
    made.set_weather(Weather(cut=cut, times=1))
    with serve(made) as url:
        with pytest.raises(requests.ConnectionError):
            posted(session, f"{url}/api/events", event(unique_id="1"))
        assert made.events_recorded == recorded_events
        assert posted(session, f"{url}/api/events", event(unique_id="1")).status_code == 202
    assert made.events_recorded == 1


def test_an_answer_that_is_held_back_outlasts_a_client_without_patience() -> None:
    made = account()
    made.set_weather(Weather(latency=30))
    with serve(made) as url:
        with pytest.raises(requests.ReadTimeout):
            requests.post(f"{url}/api/events", json.dumps(event()), headers=HEADERS, timeout=0.2)
        until = time.monotonic() + 60
        while not made.events_recorded and time.monotonic() < until:
            time.sleep(0.01)
    assert made.events_recorded == 1


def test_an_answer_can_come_byte_by_byte() -> None:
    made = account()
    made.set_weather(Weather(drip=0.02))
    with serve(made) as url, connected(url) as opened:
        opened.sendall(b"GET /api/lists HTTP/1.1\r\nHost: localhost:1\r\nConnection: close\r\n\r\n")
        pieces = []
        while piece := opened.recv(1_000):
            pieces.append(piece)
    assert b"".join(pieces).startswith(b"HTTP/1.1 401 ")
    assert max(map(len, pieces)) < 20 < len(pieces)


def test_interim_answers_can_come_before_the_answer() -> None:
    made = account()
    made.set_weather(Weather(interim=2))
    with serve(made) as url, connected(url) as opened:
        opened.sendall(b"GET /api/lists HTTP/1.1\r\nHost: localhost:1\r\nConnection: close\r\n\r\n")
        received = b"".join(iter(lambda: opened.recv(1_000), b""))
    statuses = [line.split()[1] for line in received.splitlines() if line.startswith(b"HTTP/1.1")]
    assert statuses == [b"103", b"103", b"401"]


def test_leaving_does_not_wait_for_what_hangs() -> None:
    made = account()
    made.set_weather(Weather(hang=60))
    begun = time.monotonic()
    with serve(made) as url, pytest.raises(requests.ReadTimeout):
        requests.post(f"{url}/api/events", json.dumps(event()), headers=HEADERS, timeout=0.2)
    assert time.monotonic() - begun < 10


NOT_HTTP = {
    "another protocol": b"HELLO\r\n\r\n",
    "HTTP/1.0": b"GET /api/lists HTTP/1.0\r\n\r\n",
    "a header without a colon": b"GET /api/lists HTTP/1.1\r\nHost\r\n\r\n",
    "a chunked body": b"POST /api/events HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a length that is none": b"POST /api/events HTTP/1.1\r\nContent-Length: x\r\n\r\n",
}


@pytest.mark.parametrize("raw", NOT_HTTP.values(), ids=NOT_HTTP)
def test_what_the_server_does_not_read_is_400_and_the_end(raw: bytes) -> None:
    with serve(account()) as url, connected(url) as connection:
        connection.sendall(raw)
        assert connection.recv(65_536) == (
            b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        )


def test_many_connections_at_once_lose_and_repeat_nothing() -> None:
    made = account()

    def send(worker: int, url: str) -> None:
        with requests.Session() as own:
            for number in range(20):
                document = events_job(
                    *(
                        entry(
                            recorded(unique_id=f"{worker}-{number}-{each}"),
                            person=profile(email=f"p{each}@shop.io"),
                        )
                        for each in range(5)
                    )
                )
                posted(own, f"{url}/api/event-bulk-create-jobs", document)

    with serve(made) as url:
        workers = [threading.Thread(target=send, args=(number, url)) for number in range(8)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    assert (made.events_sent, made.events_recorded, len(made.profiles)) == (800, 800, 5)
    assert made.counts == {("bulk_create_events", 202): 160}


def test_the_command_serves_until_it_is_stopped_and_prints_nothing_of_what_it_is_sent(
    session: requests.Session,
) -> None:
    command = [sys.executable, "-m", "local.klaviyo_stand_in", "--port", "0", "--key", "pk_mine"]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        url = line.split()[-1]
        headers = {**HEADERS, "Authorization": "Klaviyo-API-Key pk_mine"}
        response = session.post(
            f"{url}/api/events", json.dumps(event()), headers=headers, timeout=10
        )
        process.terminate()
        rest = process.stdout.read()
    assert (line, response.status_code, rest) == (f"Klaviyo's stand-in is at {url}\n", 202, "")
