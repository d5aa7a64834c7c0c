"""The measurements of an artifact, each in a fresh process, and their order."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

from bench import messages
from bench.figures import Figure
from bench.rows import import_times
from bench.subjects.artifact import Artifact
from local.aws_stand_in import template

HERE = Path(__file__).resolve().parent

KEY = "pk_bench"
ALLOCATOR = ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_")
"""The template's variables that decide how much memory the allocator keeps."""

SIZES: Mapping[str, tuple[int, ...]] = {
    "track": (1, 10, 100, 1_000, 4_000),
    "identify": (1, 10, 100, 1_000, 4_000),
    "order": (1, 10, 100, 1_600),
}
"""Messages in a call. An order is six operations, and a call takes about 10,000 operations: the
rest waits in the queue."""

GROWTH_FROM = 100
"""Messages of the small call, to which the largest is compared."""

STAND_IN_SIZES = {kind: tuple(each for each in of if each != 10) for kind, of in SIZES.items()}
SINGLES = 200
BACKLOG = 1_000
"""Messages of each kind in the retry function's batch. An order is six operations."""

BATCHES: Mapping[str, int] = {"track": 1_000, "identify": 1_000, "order": 200}
"""The batch sizes of whole messages that the peer's harness has."""

Figures = dict[str, float]


def allocator() -> dict[str, str]:
    """Those variables, as the functions have them."""
    variables = template.source()["Globals"]["Function"]["Environment"]["Variables"]
    return {name: variables[name] for name in ALLOCATOR}


class MeasurementError(Exception):
    """A process ended without figures. The text says why."""


@dataclass(frozen=True, slots=True)
class Task:
    """One fresh process of a subject. It runs in the first `rounds` rounds."""

    subject: str
    name: str
    rounds: int
    run: Callable[[], Figures]


@dataclass(frozen=True, slots=True)
class Ends:
    """Where the far ends are, and a function's environment variables."""

    stand_in: str
    sink: str
    aws: Mapping[str, str]


class Files:
    """The messages on disk, as each process reads them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.whole = {kind: messages.whole(kind) for kind in messages.KINDS}
        self.lean = {kind: messages.lean(kind, max(SIZES[kind])) for kind in messages.KINDS}
        for kind in messages.KINDS:
            self._write(f"{kind}.json", self.whole[kind])
            self._write(f"backlog-{kind}.json", self.lean[kind][:BACKLOG])
            self._write(f"batch-{kind}.json", messages.call(self.whole[kind][: BATCHES[kind]]))
            for size in {*SIZES[kind], 1_000}:
                self._write(f"{kind}-{size}.json", messages.call(self.lean[kind][:size]))
        singles = [messages.call([message]) for message in self.whole["track"][:SINGLES]]
        self._write("singles.json", singles)
        self._write("single.json", singles[0])

    def path(self, name: str) -> str:
        """The path of a file that has been written."""
        return str(self._folder / f"{name}.json")

    def _write(self, name: str, value: Any) -> None:
        (self._folder / name).write_text(json.dumps(value))


class Subject:
    """An artifact and how its processes are started; `prefix` is a command that runs another."""

    def __init__(
        self,
        name: str,
        artifact: Artifact,
        ends: Ends,
        files: Files,
        prefix: Sequence[str] = (),
    ) -> None:
        self._prefix = list(prefix)
        self.name = name
        self._artifact = artifact
        self._ends = ends
        self._files = files
        self._environment = {
            "PATH": os.environ.get("PATH", ""),
            **allocator(),
            "PYTHONPATH": artifact.imports(),
            "KLAVIYO_API_URL": ends.sink,
            "KLAVIYO_PRIVATE_KEY": KEY,
            "SEGMENT_SHARED_SECRET": messages.SECRET,
            **ends.aws,
        }

    def tasks(self, rounds: int) -> list[Task]:
        """All measurements. Long ones run in fewer rounds."""
        few = min(rounds, 3)
        file = self._files.path
        tasks = [
            self.task("mapping", rounds, messages={kind: file(kind) for kind in messages.KINDS})
        ]
        batches = {f"batch.{kind}": file(f"batch-{kind}") for kind in messages.KINDS}
        tasks.append(self.task("webhook", rounds, label="batches", stub=True, calls=batches))
        pairs = {
            f"growth.{kind}": [file(f"{kind}-{GROWTH_FROM}"), file(f"{kind}-{max(SIZES[kind])}")]
            for kind in messages.KINDS
        }
        tasks.append(self.task("growth", rounds, stub=True, pairs=pairs))
        tasks.append(self.task("first", rounds, stub=True, call=file("batch-track")))
        tasks.append(self.task("singles", rounds, stub=False, calls=file("singles")))
        tasks.append(Task(self.name, "cold.environment", rounds, self.cold_with_environment))
        tasks.append(Task(self.name, "cold.secret", rounds, self.cold_with_secret))
        for kind in messages.KINDS:
            calls = {f"stub.{kind}.{size}": file(f"{kind}-{size}") for size in SIZES[kind]}
            tasks.append(self.task("webhook", few, label=kind, stub=True, calls=calls))
            calls = {
                f"stand_in.{kind}.{size}": file(f"{kind}-{size}") for size in STAND_IN_SIZES[kind]
            }
            tasks.append(self.task("webhook", few, label=kind, at=self._ends.stand_in, calls=calls))
            backlog = file(f"backlog-{kind}")
            tasks.append(
                self.task("retry", few, stub=True, name=f"retry.stub.{kind}", messages=backlog)
            )
            tasks.append(
                self.task(
                    "retry",
                    few,
                    at=self._ends.stand_in,
                    name=f"retry.stand_in.{kind}",
                    messages=backlog,
                )
            )
        tasks.append(
            self.task("memory", few, stub=False, idle=[file("single")], batch=file("track-4000"))
        )
        calls = {"requests.orders": file("order-1000"), "requests.known": file("identify-1000")}
        tasks.append(self.task("requests", 1, at=self._ends.stand_in, calls=calls))
        return tasks

    def machine(self, rounds: int) -> Task:
        """Measures how fast the machine itself is."""
        return self.task("machine", rounds)

    def task(self, job: str, rounds: int, label: str = "", at: str = "", **details: Any) -> Task:
        """A worker's job, against the sink or another far end `at` a URL."""
        url = at or self._ends.sink
        whole = {"stub": False, **details, "job": job, "url": url}
        environment = {**self._environment, "KLAVIYO_API_URL": url}
        name = " ".join(filter(None, (job, label, "at the stand-in" if at else "")))
        return Task(self.name, name, rounds, lambda: self.run(whole, environment))

    def cold_with_environment(self) -> Figures:
        """Milliseconds of a cold start that finds its credentials in the environment."""
        return self._cold("cold.environment", self._environment)

    def cold_with_secret(self) -> Figures:
        """The same with the credentials in Secrets Manager, as in the cloud."""
        hidden = ("KLAVIYO_PRIVATE_KEY", "SEGMENT_SHARED_SECRET")
        environment = {
            name: value for name, value in self._environment.items() if name not in hidden
        }
        return self._cold("cold.secret", environment)

    def import_tree(self) -> list[import_times.Module]:
        """What a cold start imports before its first answer."""
        command = self._command("-X", "importtime", *self._first_answer())
        done = self._run(command, self._environment)
        return import_times.read(done.stderr)

    def run(self, job: Mapping[str, Any], environment: Mapping[str, str] | None = None) -> Figures:
        """The figures of one worker. Raises `MeasurementError`."""
        command = self._command(str(HERE / "worker.py"), json.dumps(job))
        done = self._run(command, environment or self._environment)
        figures: Figures = json.loads(done.stdout.splitlines()[-1])
        return figures

    def _command(self, *arguments: str) -> list[str]:
        return [*self._prefix, *self._artifact.command(*arguments)]

    def _first_answer(self) -> list[str]:
        return [str(HERE / "first_answer.py"), self._files.path("single")]

    def _cold(self, name: str, environment: Mapping[str, str]) -> Figures:
        # Lambda sets this one, by which the handler knows that it is being started.
        variables = {**environment, "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9"}
        command = self._command(*self._first_answer())
        pipe = subprocess.PIPE
        began = perf_counter()
        with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=variables) as run:
            assert run.stdout is not None
            assert run.stderr is not None
            line = run.stdout.readline()
            ended = perf_counter()
            error = run.stderr.read()
        if not line:
            raise MeasurementError((error.strip().splitlines() or ["it said nothing"])[-1])
        marks = json.loads(line)
        if json.loads(marks["body"]).get("delivered") != 1:
            raise MeasurementError(f"not delivered: {marks['status']}")
        return {
            name: (ended - began) * 1000,
            f"{name}.python": (marks["began"] - began) * 1000,
            f"{name}.imports": (marks["loaded"] - marks["began"]) * 1000,
            f"{name}.answer": (marks["answered"] - marks["loaded"]) * 1000,
        }

    def _run(
        self, command: Sequence[str], environment: Mapping[str, str]
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise MeasurementError((done.stderr.strip().splitlines() or ["no message"])[-1])
        return done


class Recorder:
    """Collects the values of each subject's figures, and what went wrong."""

    def __init__(self) -> None:
        self._values: dict[str, dict[str, list[float]]] = {}
        self.notes: dict[str, list[str]] = {}

    def add(self, task: Task) -> None:
        """Run a task and keep its figures. A failure is noted once and shown at the end."""
        notes = self.notes.setdefault(task.subject, [])
        try:
            figures = task.run()
        except Exception as error:
            note = f"{task.name}: {error}"
            if note not in notes:
                notes.append(note)
            return
        values = self._values.setdefault(task.subject, {})
        for name, value in figures.items():
            values.setdefault(name, []).append(value)

    def figures(self, subject: str) -> dict[str, Figure]:
        """The figures of a subject."""
        return {name: Figure.of(each) for name, each in self._values.get(subject, {}).items()}


def in_turns(tasks: Sequence[Sequence[Task]], rounds: int) -> Iterator[tuple[int, Task]]:
    """The tasks, round by round. The tasks of a group are compared with each other, so they run
    close together. Which one begins changes with each round."""
    for number in range(rounds):
        for group in tasks:
            turn = number % len(group)
            for task in (*group[turn:], *group[:turn]):
                if number < task.rounds:
                    yield number, task
