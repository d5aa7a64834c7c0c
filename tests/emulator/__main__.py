"""The first hour of an operator, and the days after it, in an emulator: `python -m tests.emulator`.

`EMULATOR` names the Python that has ministack. The SAM CLI must be on the PATH.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest

from deploy import parameters
from local.aws_stand_in.function import IMPORTS, ROOT
from local.klaviyo_stand_in import Weather
from tests.emulator import accounts, aws
from tests.emulator.accounts import KEY, SOURCE, TOKEN, Accounts
from tests.emulator.failure import Failure
from tests.local.segment_stand_in import sdk
from tests.template.template import EXPANDED

STACK = "emulated"
SHARED_SECRET = 'it\'s "quoted" and has a \\'
ADDRESS = "nobody+rehearsal@acme-store.example"

PATIENCE_SECONDS = 60.0

HANGS_SECONDS = 900.0
"""A command that takes longer will not end. On a busy machine a deployment takes minutes."""


def main() -> int:
    """Run every step, and give the exit status."""
    with tempfile.TemporaryDirectory() as name, accounts.serve(Path(name)) as served:
        for line in served.differences:
            _say(f"   {line}")
        try:
            Operator(served, Path(name)).do_everything()
        except Failure as failure:
            log = accounts.log_in(Path(name)).read_text()[-4_000:]
            _say(f"FAILED: {failure}\n-- the emulator's log\n{log}")
            return 1
        finally:
            parameters.file_of(STACK).unlink(missing_ok=True)
    _say("deployed, connected, rehearsed, used, paused, updated and deleted")
    return 0


class Operator:
    """Somebody with the README, at a terminal."""

    def __init__(self, served: Accounts, folder: Path) -> None:
        self._account = served.klaviyo
        self._segment = served.segment
        self._template = served.template
        self._variables = served.variables
        self._folder = folder
        self._outputs: dict[str, str] = {}

    def do_everything(self) -> None:
        """The steps, in the order of a stack's life."""
        self._deploy("the defaults")
        self._look_at_outputs()
        unset = self._send(1, "--url", self._outputs["WebhookUrl"])
        self._expect("before the secret is set", unset, "503 credentials_unavailable")
        self._set_secret()
        self._connect()
        self._examine()
        self._rehearse()
        self._expect("a test event", self._send(2), "200 delivered")
        self._account.set_weather(Weather(down=True))
        self._expect("while Klaviyo is down", self._send(3), "200 queued unavailable")
        self._account.set_weather(Weather())
        self._wait_for("the event source delivers it", lambda: self._has(3))
        self._pause()
        parameters.file_of(STACK).write_text("ListId: Y6nRLr\nRetryHours: 48\n", "utf-8")
        self._deploy("an update")
        self._look_at_update()
        self._rehearse()
        self._delete()

    # The commands

    def _deploy(self, what: str) -> None:
        _say(f"-- make deploy: {what}")
        done = self._run(
            "make", "--no-print-directory", "deploy", f"STACK={STACK}", f"TEMPLATE={self._template}"
        )
        shown = [line for line in done.splitlines() if line.startswith(("Nobody", "Parameters"))]
        _say("\n".join(f"   {line}" for line in shown))

    def _set_secret(self) -> None:
        _say("-- secret set")
        self._command("secret", "set", "--stack", STACK)

    def _connect(self) -> None:
        _say("-- connect, twice")
        arguments = ("connect", "--stack", STACK, "--source", SOURCE, "--yes", "--json")
        made = json.loads(self._command(*arguments))["changes"]
        found = [(each["action"], each["what"]) for each in made]
        if found != [("create", "destination"), ("create", "mapping")]:
            raise Failure(f"connect: {found}")
        if again := json.loads(self._command(*arguments))["changes"]:
            raise Failure(f"connect has more to do: {again}")
        (destination,) = self._segment.destinations.values()
        (mapping,) = self._segment.subscriptions.values()
        there = (destination["settings"], mapping["settings"]["url"])
        if there != ({"sharedSecret": SHARED_SECRET}, self._outputs["WebhookUrl"]):
            raise Failure(f"Segment has {there}")
        self._let_segment_judge()

    def _let_segment_judge(self) -> None:
        made = self._segment.exchanges
        try:
            sdk.require()
        except pytest.skip.Exception as reason:
            _say(f"   NOT JUDGED: {reason}")
            return
        except pytest.fail.Exception as reason:
            raise Failure(str(reason)) from None
        found = sdk.objections({"calls": sdk.bodies_and_answers(made)}, self._folder)
        if found["calls"]:
            raise Failure(f"Segment's SDK objects: {found['calls']}")
        _say(f"   {len(made)} requests, judged by Segment's SDK")

    def _rehearse(self) -> None:
        _say("-- rehearse")
        done = self._command("rehearse", "--stack", STACK, "--yes", "--json", ADDRESS, ok=(0, 1, 3))
        found = json.loads(done)
        broken = [each for each in found["rows"] if not each["holds"]]
        if broken or not found["is_gone"]:
            raise Failure(f"rehearse: {broken}, gone: {found['is_gone']}")
        _say(f"   {len(found['rows'])} promises kept, and the person is deleted")

    def _examine(self) -> None:
        _say("-- doctor")
        found = json.loads(self._command("doctor", "--stack", STACK, "--json"))
        checks = {each["name"]: each for each in found["checks"]}
        bad = [each for each in checks.values() if each["health"] in ("bad", "unknown")]
        if bad or checks["Segment"]["health"] != "good":
            raise Failure(f"doctor: {bad}, {checks['Segment']}")
        _say("".join(f"   {each['name']}: {each['health']}\n" for each in found["checks"])[:-1])

    def _send(self, number: int, *aim: str) -> str:
        """Send an event, by default to the stack; the status, and its fate or why not."""
        message = {
            "type": "track",
            "messageId": f"m-{number}",
            "userId": "u",
            "event": "Test Event",
            "properties": {"email": f"p{number}@acme-store.example"},
        }
        done = self._command(
            *("send", "-", *(aim or ("--stack", STACK)), "--json"),
            stdin=json.dumps(message),
            ok=(0, 1, 3),
        )
        answer = json.loads(done)
        document = answer["answer"]
        if "error" in document:
            return f"{answer['status']} {document['error']['code']}"
        reasons = [each["reason"] for each in document["messages"]]
        fate = next(each for each in ("delivered", "queued") if document[each])
        return " ".join([str(answer["status"]), fate, *reasons])

    def _pause(self) -> None:
        _say("-- pause and resume")
        self._command("pause", "--stack", STACK)
        if self._event_source()["State"] not in ("Disabled", "Disabling"):
            raise Failure(f"the event source is {self._event_source()['State']} during a pause")
        self._expect("during a pause", self._send(4), "200 queued paused")
        time.sleep(8)  # longer than the batching window
        if self._has(4):
            raise Failure("an event was delivered during a pause")
        self._command("resume", "--stack", STACK)
        self._wait_for("what has waited is delivered", lambda: self._has(4))

    def _delete(self) -> None:
        _say("-- sam delete")
        self._run("sam", "delete", "--stack-name", STACK, "--no-prompts", "--region", aws.REGION)
        formation = boto3.client("cloudformation")
        left = [
            each["StackName"]
            for each in formation.list_stacks()["StackSummaries"]
            if each["StackStatus"] != "DELETE_COMPLETE" and each["StackName"] == STACK
        ]
        queues = boto3.client("sqs").list_queues().get("QueueUrls", [])
        kept = [url for url in queues if url == self._outputs["DeadLetterQueueUrl"]]
        if left or len(queues) != 1 or not kept:
            raise Failure(f"after the deletion there are {left} and {queues}")
        _say("   the dead-letter queue has outlived the stack")

    # What is looked at

    def _look_at_outputs(self) -> None:
        stack = self._describe()
        self._outputs = {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}
        expected = {name for name, each in EXPANDED["Outputs"].items() if "Condition" not in each}
        if self._outputs.keys() != expected:
            raise Failure(f"outputs: {sorted(self._outputs)}")

    def _look_at_update(self) -> None:
        for function in self._functions():
            variables = function["Environment"]["Variables"]
            found = (variables["LIST_ID"], variables["RETRY_HOURS"], variables["PAUSE"])
            if found != ("Y6nRLr", "48", "off"):
                raise Failure(f"after the update {function['FunctionName']} has {found}")

    def _describe(self) -> Any:
        (stack,) = boto3.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"]
        return stack

    def _functions(self) -> list[Any]:
        return list(boto3.client("lambda").list_functions()["Functions"])

    def _event_source(self) -> Any:
        (source,) = boto3.client("lambda").list_event_source_mappings()["EventSourceMappings"]
        return source

    def _has(self, number: int) -> bool:
        return f"m-{number}" in {each.unique_id for each in self._account.events}

    # How it is run

    def _expect(self, when: str, found: str, expected: str) -> None:
        if found != expected:
            raise Failure(f"{when}: {found}, expected {expected}")
        _say(f"   {when}: {found}")

    def _wait_for(self, what: str, holds: Callable[[], bool]) -> None:
        began = time.monotonic()
        while not holds():
            if time.monotonic() - began > PATIENCE_SECONDS:
                raise Failure(f"not within {PATIENCE_SECONDS:.0f} s: {what}")
            time.sleep(0.5)
        _say(f"   {what}: after {time.monotonic() - began:.0f} s")

    def _command(self, *arguments: str, stdin: str = "", ok: tuple[int, ...] = (0,)) -> str:
        return self._run(sys.executable, "-m", "cli", *arguments, stdin=stdin, ok=ok)

    def _run(self, *command: str, stdin: str = "", ok: tuple[int, ...] = (0,)) -> str:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(map(str, IMPORTS)),
                **self._variables,
                "SEGMENT_SHARED_SECRET": SHARED_SECRET,
                "SEGMENT_TOKEN": TOKEN,
                "KLAVIYO_PRIVATE_KEY": KEY,
                "SAM_CLI_TELEMETRY": "0",
            },
            input=stdin,
            capture_output=True,
            text=True,
            timeout=HANGS_SECONDS,
            check=False,
        )
        if done.returncode not in ok:
            tail = "\n".join((done.stdout + done.stderr).splitlines()[-30:])
            raise Failure(f"{' '.join(command[:4])} ended with {done.returncode}:\n{tail}")
        return done.stdout


def _say(text: str) -> None:
    if text:
        print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
