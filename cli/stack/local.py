"""`make run` as the stack that `--local` means: what it says of itself in a file of its folder.

The file lies in `.run/`, or in `.run/2`, `.run/3`, … for further runs at the same time. Only its
owner can read it. It holds no secret that is real.
"""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cli.stack.aws import Stack
from cli.troubles import Misuse

STARTED = "START_COMPLETE"
"""The status of a stack that is a run, in the words of CloudFormation's."""

FOLDER = ".run"
FILE = "run.json"
LOCK = "lock"
"""Locked while the run lives."""


@dataclass(frozen=True, slots=True)
class LocalRun:
    """Where everything is. `aws` holds the variables by which boto3 finds moto.

    `settings` has the text of each setting by its variable. `secret` has the fields of the
    secret that are not the user's own; those are in the user's environment.
    """

    webhook_url: str
    klaviyo_url: str
    retry_queue_url: str
    dead_letter_queue_url: str
    secret_arn: str
    ledger_table: str
    aws: Mapping[str, str]
    settings: Mapping[str, str] = field(default_factory=dict)
    secret: Mapping[str, str] = field(default_factory=dict)

    @property
    def port(self) -> int | None:
        """The webhook's."""
        return urlsplit(self.webhook_url).port

    def write(self, folder: Path) -> Path:
        """Keep it for the command line."""
        path = folder / FILE
        path.unlink(missing_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(asdict(self), file, indent=2)
        return path


def stack() -> Stack:
    """The run of this checkout, as a stack; leads boto3 to its AWS. Raises `Misuse` without one.

    Of several runs, the variable PORT says which is meant.
    """
    runs = {run.port: run for run in _alive()}
    if not runs:
        raise Misuse("--local: nothing is running on this machine; start it with `make run`")
    port = os.environ.get("PORT", "").strip()
    if len(runs) > 1 or port:
        listed = " or ".join(f"PORT={each}" for each in runs)
        chosen = [run for each, run in runs.items() if str(each) == port]
        if not chosen:
            raise Misuse(f"--local: to choose the run, put {listed} in front of the command")
    else:
        chosen = list(runs.values())
    return _as_stack(chosen[0])


@dataclass(frozen=True, slots=True)
class LocalStack(Stack):
    """A stack whose settings are variables, and whose secret is in no Secrets Manager."""

    run: LocalRun

    @property
    def is_deployed(self) -> bool:
        """It is not."""
        return False

    def resource(self, logical_id: str) -> str | None:
        """None: moto holds what the run needs, and no stack."""
        del logical_id
        return None

    def settings(self) -> dict[str, str]:
        """The settings' variables."""
        return {**self.run.settings, "KLAVIYO_API_URL": self.run.klaviyo_url}

    def secret(self) -> dict[str, Any]:
        """The secret's fields; of the user's own, those that the environment has."""
        own = {name: os.environ.get(name.upper(), "").strip() for name in FIELDS}
        return {**{name: text for name, text in own.items() if text}, **self.run.secret}


FIELDS = ("klaviyo_private_key", "segment_shared_secret")


def _as_stack(run: LocalRun) -> Stack:
    os.environ.update(run.aws)
    os.environ.pop("AWS_PROFILE", None)
    outputs = {
        "WebhookUrl": run.webhook_url,
        "RetryQueueUrl": run.retry_queue_url,
        "DeadLetterQueueUrl": run.dead_letter_queue_url,
        "CredentialsSecretArn": run.secret_arn,
        "LedgerTableName": run.ledger_table,
    }
    return LocalStack("make run", STARTED, outputs, {}, run)


def _alive() -> Iterator[LocalRun]:
    folder = _folder()
    if folder is None:
        return
    for each in (folder, *sorted(folder.glob("[0-9]*"))):
        if (each / FILE).exists() and _is_locked(each / LOCK):
            yield LocalRun(**json.loads((each / FILE).read_text()))


def _folder() -> Path | None:
    """In this folder or one above it, as git finds its own; else in the checkout of this code."""
    if named := os.environ.get("RUN_FOLDER", "").strip():
        return Path(named)
    places = (*(each for each in (Path.cwd(), *Path.cwd().parents)), Path(__file__).parents[2])
    return next((each / FOLDER for each in places if (each / FOLDER).is_dir()), None)


def _is_locked(lock: Path) -> bool:
    """Whether the run is alive: its lock ends with its process."""
    import fcntl

    try:
        with lock.open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
