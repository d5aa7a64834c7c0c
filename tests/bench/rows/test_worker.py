"""The workers run on the functions as they are: what they measure can be measured."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from bench import far_ends, messages
from bench.figures import Figure
from bench.rows import measuring
from local.aws_stand_in.function import ROOT


@pytest.fixture(scope="module")
def sink() -> Iterator[str]:
    """The far end that looks at nothing."""
    with far_ends.sink() as port:
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def variables(sink: str) -> dict[str, str]:
    """A function's environment, AWS out of reach."""
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT / "src"),
        "KLAVIYO_API_URL": sink,
        "KLAVIYO_PRIVATE_KEY": "pk_bench",
        "SEGMENT_SHARED_SECRET": messages.SECRET,
        "RETRY_QUEUE_URL": "http://127.0.0.1:9/retry",
        "DEAD_LETTER_QUEUE_URL": "http://127.0.0.1:9/dead",
    }


def run(script: str, argument: str, variables: dict[str, str]) -> Any:
    command = [sys.executable, "-P", str(measuring.HERE / script), argument]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def write(path: Path, value: Any) -> str:
    path.write_text(json.dumps(value))
    return str(path)


def test_mapping_is_timed_for_each_kind(variables: dict[str, str], tmp_path: Path) -> None:
    files = {
        kind: write(tmp_path / f"{kind}.json", messages.lean(kind, 5)) for kind in messages.KINDS
    }
    figures = run("worker.py", json.dumps({"job": "mapping", "messages": files}), variables)
    assert set(figures) == {
        *(f"mapping.{kind}" for kind in messages.KINDS),
        *(f"validation.{kind}" for kind in messages.KINDS),
    }
    assert all(0 < value < 100_000 for value in figures.values())


@pytest.mark.parametrize("kind", messages.KINDS)
def test_stubbed_batch_is_timed_to_its_request_and_its_answer(
    kind: str, variables: dict[str, str], tmp_path: Path
) -> None:
    call = write(tmp_path / "call.json", messages.call(messages.whole(kind, 30)))
    job = {"job": "webhook", "stub": True, "url": "http://nowhere", "calls": {"it": call}}
    figures = run("worker.py", json.dumps(job), variables)
    assert 0 < figures["it.request"] < figures["it"]
    assert figures["it.requests"] == 1


def test_growth_is_that_of_a_messages_share_of_the_call(
    variables: dict[str, str], tmp_path: Path
) -> None:
    """A call has costs of its own, so a message by itself takes several times as much."""
    one, many = (
        write(tmp_path / f"{size}.json", messages.call(messages.lean("track", size)))
        for size in (1, 300)
    )
    job = {"job": "growth", "stub": True, "url": "http://nowhere", "pairs": {"it": [one, many]}}
    assert 0 < run("worker.py", json.dumps(job), variables)["it"] < 0.5


def test_message_that_is_not_delivered_ends_the_measurement(
    variables: dict[str, str], tmp_path: Path
) -> None:
    page = {**messages.lean("track", 1)[0], "type": "page"}
    call = write(tmp_path / "call.json", messages.call([page]))
    job = {"job": "webhook", "stub": True, "url": "http://nowhere", "calls": {"it": call}}
    command = [sys.executable, "-P", str(measuring.HERE / "worker.py"), json.dumps(job)]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("not delivered: 200 {'received': 1")


@pytest.mark.parametrize("job", ["first", "memory"])
def test_first_batch_and_memory_are_measured(
    job: str, variables: dict[str, str], tmp_path: Path
) -> None:
    call = write(tmp_path / "call.json", messages.call(messages.lean("track", 200)))
    details = {"job": job, "stub": job == "first", "url": variables["KLAVIYO_API_URL"]}
    figures = run(
        "worker.py", json.dumps({**details, "call": call, "idle": [call], "batch": call}), variables
    )
    assert all(value >= 0 for value in figures.values())
    expected = {
        "first": {"first", "first.request"},
        "memory": {"memory.idle", "memory.peak", "memory.batch"},
    }
    assert set(figures) == expected[job]


def test_singles_go_over_http_one_after_the_other(
    sink: str, variables: dict[str, str], tmp_path: Path
) -> None:
    calls = write(
        tmp_path / "calls.json", [messages.call([each]) for each in messages.lean("track", 3)]
    )
    with urlopen(f"{sink}/__stats"):
        pass
    run("worker.py", json.dumps({"job": "singles", "stub": False, "calls": calls}), variables)
    with urlopen(f"{sink}/__stats") as answer:
        counts = json.load(answer)
    # One to warm up, then all three, again and again over one connection; the other is ours.
    assert counts["requests"] % 3 == 1
    assert counts["requests"] >= 4
    assert counts["connections"] == 2


def test_call_is_timed_against_its_slowest_request(
    variables: dict[str, str], tmp_path: Path
) -> None:
    call = write(tmp_path / "call.json", messages.call(messages.lean("track", 3)))
    with far_ends.sink(0.05) as port:
        url = f"http://127.0.0.1:{port}"
        job = {"job": "slow", "stub": False, "url": url, "calls": {"it": call}, "number": 2}
        figures = run("worker.py", json.dumps(job), {**variables, "KLAVIYO_API_URL": url})
    assert figures["it.requests"] == 3
    assert figures["it"] > 50
    assert 1 < figures["it.times.p50"] <= figures["it.times.p99"]


@pytest.mark.parametrize("kind", messages.KINDS)
def test_backlog_is_timed(kind: str, variables: dict[str, str], tmp_path: Path) -> None:
    backlog = write(tmp_path / "backlog.json", messages.lean(kind, 30))
    job = {"job": "retry", "stub": True, "url": "http://nowhere", "name": "it"}
    figures = run("worker.py", json.dumps({**job, "messages": backlog}), variables)
    assert figures["it"] > 0


def test_cold_start_is_answered_and_timed(variables: dict[str, str], tmp_path: Path) -> None:
    call = write(tmp_path / "call.json", messages.call(messages.whole("track", 1)))
    marks = run("first_answer.py", call, variables)
    assert marks["began"] < marks["loaded"] < marks["answered"]
    assert marks["status"] == 200
    assert json.loads(marks["body"])["delivered"] == 1


def test_machine_is_timed_by_a_fixed_piece_of_work(variables: dict[str, str]) -> None:
    figures = run("worker.py", '{"job": "machine"}', variables)
    assert Figure.of([figures["machine"]]).median > 0
