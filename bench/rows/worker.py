"""One measurement: a fresh process does one job and writes its figures as one line of JSON.

    python bench/rows/worker.py '{"job": "webhook", …}'

It needs only the artifact, and uses only its interfaces: the two Lambda entries, `assembly`, the
`Transport` of a `Klaviyo`, `validate`, `map_message`, `pack`. So it can measure earlier commits as
well. Times are in microseconds a message unless a job says otherwise.
"""

import dataclasses
import json
import os
import resource
import statistics
import sys
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic, perf_counter, process_time
from typing import Any

from handler import assembly
from handler.aws.garbage import Collector
from handler.queue.envelope import Entry, pack
from handler.queue.queues import Queue, Receipt
from klaviyo_client.api.answers import Answer
from klaviyo_client.delivery import Klaviyo


def slowly() -> float:
    """A clock by which no call runs out of time, so that its full cost is measured."""
    return monotonic() / 20


Figures = dict[str, float]
Call = Callable[[dict[str, Any]], Mapping[str, Any]]
"""A whole call. It takes the body out of the lambda event, so a repeat needs a copy."""

MICROSECONDS = 1_000_000
SECONDS = 0.25
"""How long a case is repeated, at least once. Before that it runs once to warm up."""

PAIRS, SMALL_CALLS = 7, 9
"""For the growth of a message's cost: a large call, then so many small ones; and so many times."""

RETRY_SECONDS = 60.0


class Stub:
    """A `Transport` that accepts everything at once, and notes the time of the last request."""

    def __init__(self) -> None:
        self.last = 0.0
        self.requests = 0

    def send(
        self,
        method: str,  # noqa: ARG002
        path: str,
        body: bytes,  # noqa: ARG002
        private_key: str,  # noqa: ARG002
        seconds: float,  # noqa: ARG002
        *,
        repeatable: bool = True,  # noqa: ARG002
    ) -> Answer:
        """Answers as Klaviyo does. An import job gets an id, so that it is checked later."""
        self.last = perf_counter()
        self.requests += 1
        if path.startswith("/api/profile-bulk-import-jobs"):
            return Answer(202, {"data": {"type": "profile-bulk-import-job", "id": "bench-job"}})
        if path.startswith("/api/profile-import"):
            return Answer(200, {"data": {"type": "profile", "id": "01GDDKASAP8TKDDA2GRZDSVP4H"}})
        return Answer(202, {})


class Kept(Queue):
    """A queue that writes its envelopes and then drops them."""

    def __init__(self) -> None:
        super().__init__("")

    def send(self, entries: Iterable[Entry], delay: int = 0, *, seconds: float = 0.0) -> Receipt:  # noqa: ARG002
        """The number of SQS messages that it took."""
        return Receipt(sum(1 for _ in pack(entries)))


def mapping(job: Mapping[str, Any]) -> Figures:
    """Only the validation and the mapping, of parsed messages."""
    from handler.door.validation import validate
    from klaviyo_mapping import Mapped, Message, map_message

    settings = assembly.webhook(os.environ).settings
    now = datetime.now(UTC)
    figures: Figures = {}
    for kind, path in job["messages"].items():
        documents = json.loads(Path(path).read_text())
        checked = [each for each in map(validate, documents) if isinstance(each, Message)]

        def check(documents: Any = documents) -> None:
            for document in documents:
                validate(document)

        def map_all(checked: Any = checked) -> None:
            for message in checked:
                if not isinstance(map_message(message, settings, now), Mapped):
                    raise SystemExit("a message was dropped")

        figures[f"validation.{kind}"] = repeated(check) / len(documents)
        figures[f"mapping.{kind}"] = repeated(map_all) / len(checked)
    return figures


def webhook(job: Mapping[str, Any]) -> Figures:
    """Whole webhook calls. With the stub, also the time until the last request was written
    (`….request`), and the number of requests (`….requests`)."""
    figures: Figures = {}
    handle, stub = _webhook(job)
    for name, path in job["calls"].items():
        lambda_event = json.loads(Path(path).read_text())
        number = _delivered(handle(dict(lambda_event)))
        until: list[float] = []

        def once(lambda_event: Any = lambda_event, until: list[float] = until) -> None:
            if stub is not None:
                stub.requests = 0
            began = perf_counter()
            handle(dict(lambda_event))
            if stub is not None:
                until.append(stub.last - began)

        figures[name] = repeated(once) / number
        if stub is not None:
            figures[f"{name}.request"] = statistics.median(until) * MICROSECONDS / number
            figures[f"{name}.requests"] = stub.requests
    return figures


def growth(job: Mapping[str, Any]) -> Figures:
    """How many times as much of the processor a message takes in a large call as in a small one.

    Large and small calls take turns, so that whatever slows the machine down slows down both.
    """
    handle, _ = _webhook(job)

    def spent(path: str) -> float:
        lambda_event = json.loads(Path(path).read_text())
        before = process_time()
        answer = handle(lambda_event)
        after = process_time()
        return (after - before) / _delivered(answer)

    figures: Figures = {}
    for name, (small, large) in job["pairs"].items():
        spent(small), spent(large)
        times = [
            spent(large) / statistics.median(spent(small) for _ in range(SMALL_CALLS))
            for _ in range(PAIRS)
        ]
        figures[name] = statistics.median(times)
    return figures


def first(job: Mapping[str, Any]) -> Figures:
    """The first batch of a process that has loaded the handler: milliseconds, without repeats."""
    handle, stub = _webhook(job)
    lambda_event = json.loads(Path(job["call"]).read_text())
    began = perf_counter()
    answer = handle(lambda_event)
    answered = perf_counter()
    _delivered(answer)
    assert stub is not None
    return {"first": (answered - began) * 1000, "first.request": (stub.last - began) * 1000}


def singles(job: Mapping[str, Any]) -> Figures:
    """One call after the other, each of one message: microseconds a call."""
    handle, _ = _webhook(job)
    lambda_events = json.loads(Path(job["calls"]).read_text())
    _delivered(handle(dict(lambda_events[0])))

    def all_of_them() -> None:
        for lambda_event in lambda_events:
            handle(dict(lambda_event))

    return {"singles": repeated(all_of_them) / len(lambda_events)}


def slow(job: Mapping[str, Any]) -> Figures:
    """Calls in turn against a slow far end: how many times its slowest request a call takes
    (`….times`; median and 99th percentile), and milliseconds of the call and of the processor."""
    handle, _ = _webhook(job)
    found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in job["calls"]}
    figures: Figures = {}
    for number in range(1 + job["number"]):
        for name, path in job["calls"].items():
            lambda_event = json.loads(Path(path).read_text())
            _stats(job["url"])
            began, spent = perf_counter(), process_time()
            answer = handle(lambda_event)
            seconds, spent = perf_counter() - began, process_time() - spent
            _delivered(answer)
            stats = _stats(job["url"])
            # The first makes the connections.
            if number:
                found[name].append((seconds, spent, seconds / stats["slowest"]))
            figures[f"{name}.requests"] = stats["requests"]
    for name, of_calls in found.items():
        seconds, spent, times = map(statistics.median, zip(*of_calls, strict=True))
        figures[name] = seconds * 1000
        figures[f"{name}.processor"] = spent * 1000
        figures[f"{name}.times.p50"] = times
        every = [of_slowest for *_, of_slowest in of_calls]
        figures[f"{name}.times.p99"] = statistics.quantiles(every, n=100, method="inclusive")[98]
    return figures


def _stats(url: str) -> dict[str, Any]:
    """The sink's counts since it was last asked."""
    from urllib.request import urlopen

    with urlopen(f"{url}/__stats") as answer:
        stats: dict[str, Any] = json.load(answer)
        return stats


def retry(job: Mapping[str, Any]) -> Figures:
    """A batch of the retry queue, made of messages that were mapped: microseconds an operation."""
    from handler.door.validation import validate
    from klaviyo_mapping import Mapped, Message, map_message

    function = assembly.retry(os.environ)
    if job["stub"]:
        klaviyo = Klaviyo(job["url"], transport=Stub(), patience=assembly.PATIENCE_SECONDS)
        function = dataclasses.replace(
            function, klaviyo=klaviyo, retry_queue=Kept(), dead_letter_queue=Kept()
        )
    now = datetime.now(UTC)
    operations = [
        operation
        for document in json.loads(Path(job["messages"]).read_text())
        if isinstance(message := validate(document), Message)
        if isinstance(mapped := map_message(message, function.settings, now), Mapped)
        for operation in mapped.operations
    ]
    bodies = list(pack(Entry(operation=operation) for operation in operations))
    records = [
        {"messageId": str(number), "body": body, "eventSource": "aws:sqs"}
        for number, body in enumerate(bodies)
    ]

    def once() -> None:
        answer = function.handle({"Records": records}, RETRY_SECONDS)
        function.telemetry.flush()
        if answer["batchItemFailures"]:
            raise SystemExit("the retry function left its batch to SQS")

    once()
    return {job["name"]: repeated(once) / len(operations)}


def memory(job: Mapping[str, Any]) -> Figures:
    """The peak memory, in MB, of a process that answers one message and then the largest batch."""
    handle, _ = _webhook(job)
    for path in job["idle"]:
        handle(json.loads(Path(path).read_text()))
    idle = _peak()
    _delivered(handle(json.loads(Path(job["batch"]).read_text())))
    # Linux counts a thread's last few pages late, so that even its peak may seem to sink.
    peak = max(_peak(), idle)
    return {"memory.idle": idle, "memory.peak": peak, "memory.batch": peak - idle}


def requests(job: Mapping[str, Any]) -> Figures:
    """How many requests a batch takes whose people the stand-in knows already."""
    from urllib.request import urlopen

    def seen() -> int:
        with urlopen(f"{job['url']}/stand-in/requests") as answer:
            endpoints = json.load(answer)["endpoints"]
        return sum(sum(answers.values()) for answers in endpoints.values())

    handle, _ = _webhook(job)
    figures: Figures = {}
    for name, path in job["calls"].items():
        lambda_event = json.loads(Path(path).read_text())
        _delivered(handle(dict(lambda_event)))
        before = seen()
        _delivered(handle(lambda_event))
        figures[name] = seen() - before
    return figures


def machine(_job: Mapping[str, Any]) -> Figures:
    """A fixed piece of work, in milliseconds, that shows whether the machine was as fast as
    before."""
    document = [{"name": f"n{each}", "values": list(range(20))} for each in range(2_000)]

    def work() -> None:
        json.loads(json.dumps(document))

    return {"machine": repeated(work) / 1000}


def repeated(work: Callable[[], None]) -> float:
    """The median of some runs, in microseconds."""
    times: list[float] = []
    began = perf_counter()
    while not times or perf_counter() - began < SECONDS:
        before = perf_counter()
        work()
        times.append(perf_counter() - before)
    return statistics.median(times) * MICROSECONDS


def _webhook(job: Mapping[str, Any]) -> tuple[Call, Stub | None]:
    """The function from the lambda event to the answer, with metrics written; and its stub, if
    any."""
    stub = Stub() if job["stub"] else None
    function = assembly.webhook(os.environ)
    klaviyo = Klaviyo(
        os.environ["KLAVIYO_API_URL"],
        probe_seconds=assembly.PROBE_SECONDS,
        remember_seconds=assembly.REMEMBER_SECONDS,
        transport=stub,
        clock=slowly,
    )
    function = dataclasses.replace(function, klaviyo=klaviyo)
    if stub is not None:
        function = dataclasses.replace(function, retry_queue=Kept(), dead_letter_queue=Kept())
    collector = Collector()
    collector.start()

    def handle(lambda_event: dict[str, Any]) -> Mapping[str, Any]:
        size = len(lambda_event["body"])
        function.telemetry.begin("bench")
        answer = function.handle(lambda_event)
        function.telemetry.flush()
        collector.call_ended(size)
        return answer

    return handle, stub


def _delivered(answer: Mapping[str, Any]) -> int:
    """The number of messages. All of them must have been delivered."""
    counts = json.loads(answer["body"])
    if answer["statusCode"] != 200 or counts["delivered"] != counts["received"]:
        kept = {name: value for name, value in counts.items() if name != "messages"}
        raise SystemExit(f"not delivered: {answer['statusCode']} {kept}")
    number: int = counts["received"]
    return number


def _peak() -> float:
    """The peak memory of this process, in MB."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        # Not on Linux: there it would count the process that this one was forked from.
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_000_000
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024 / 1_000_000


JOBS: Mapping[str, Callable[[Mapping[str, Any]], Figures]] = {
    job.__name__: job
    for job in (mapping, webhook, growth, first, singles, slow, retry, memory, requests, machine)
}


def main(text: str) -> None:
    """Do the job and report. The handler's own output is discarded."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    job = json.loads(text)
    print(json.dumps(JOBS[job["job"]](job)), file=answers, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
