"""`python -m local`, as `make run` starts it, in a process of its own and on free ports."""

import io
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import tomllib
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import boto3
import pytest

from cli.stack.local import FILE, LOCK
from local import klaviyo_stand_in as klaviyo
from local.aws_stand_in.function import ROOT
from local.aws_stand_in.template import source
from local.documenting.own_run import run, until
from local.klaviyo_stand_in import Account, Weather
from local.make_run import tour
from local.make_run.configuration import Configuration
from local.make_run.deployment import Deployment, start
from local.make_run.place import claimed
from local.make_run.running import LOG
from local.sam import sam_files
from local.samples import SAMPLES, load, send
from local.samples.sign import signed_with
from local.screen import Screen
from tests.cli.calling import start as start_command
from tests.deployment import PRIVATE_KEY

UNWANTED = ("Traceback", "Warning", '{"level"', "HTTP/1.1")

SECONDS = 180
"""After which a test is given up."""


def finish(process: "subprocess.Popen[str]") -> tuple[int, str]:
    """Its exit status and what it has written from here on. It never outlives its test: another
    one would be blamed for what it leaves open."""
    try:
        output, _ = process.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    return process.returncode, output


@pytest.fixture(scope="module")
def serving(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """The process as it serves, and what it has written so far. Its folder has a space."""
    process = run(RUN_FOLDER=str(tmp_path_factory.mktemp("a run")))
    assert process.stdout is not None
    yield process, until("Serving until Ctrl-C", process.stdout)
    process.kill()
    process.communicate()


def commands(output: str) -> list[str]:
    """The two commands under "Send one yourself": with a signature, and signing on the way."""
    section = output.partition("Send one yourself")[2].partition("Aim the command line")[0]
    given, _, own = section.partition("Or any other body, signed on the way:")
    return [given, own]


@contextmanager
def started(folder: Path, configuration: Configuration) -> Iterator[Deployment]:
    """All parts of `make run`, in this process."""
    with (
        (folder / "log").open("w") as log,
        start(configuration, log, lambda _: None, lambda _: None) as deployment,
    ):
        try:
            yield deployment
        finally:
            _forget(deployment)


def _forget(deployment: Deployment) -> None:
    """Moto's state outlives its server, and would be in the way of the next start."""
    boto3.client("secretsmanager").delete_secret(
        SecretId=deployment.queues.secret_arn, ForceDeleteWithoutRecovery=True
    )
    boto3.client("dynamodb").delete_table(TableName=deployment.ledger_table)


def test_once_is_a_success_when_everything_arrived() -> None:
    status, output = finish(run("--once"))
    assert status == 0
    assert output.rstrip().endswith("Everything arrived as it should.")
    assert not [text for text in UNWANTED if text in output]


def test_every_sample_is_shown_as_expected(
    serving: tuple["subprocess.Popen[str]", str],
) -> None:
    shown = re.findall(r"^  ✓ (\S+\.json)", serving[1], re.MULTILINE)
    assert shown == [*(sample.file for sample in SAMPLES), "during-outage.json"]


@pytest.mark.parametrize("number", [0, 1], ids=["with its signature", "signing on the way"])
@pytest.mark.skipif(
    not (shutil.which("curl") and shutil.which("openssl")), reason="needs curl and openssl"
)
def test_curl_line_works_as_printed(
    number: int, serving: tuple["subprocess.Popen[str]", str]
) -> None:
    process, output = serving
    answer = subprocess.run(
        ["bash", "-c", commands(output)[number]], capture_output=True, text=True, check=True
    )
    assert answer.stdout == (
        '{"received":1,"delivered":1,"queued":0,"dropped":0,"rejected":0,"messages":[]}\n'
    )
    assert process.stdout is not None
    assert re.fullmatch(
        r"  \d\d:\d\d:\d\d  POST /segment  200   +\d+ ms  delivered\n",
        process.stdout.readline(),
    )


def test_command_line_works_as_printed(serving: tuple["subprocess.Popen[str]", str]) -> None:
    section = serving[1].partition("Aim the command line")[2].partition("Ask the stand-in")[0]
    printed = re.findall(r"^  (.*)\.venv/bin/klaviyo-destination (.+)$", section, re.MULTILINE)
    outputs = []
    for variables, words in printed:
        named = dict(each.split("=", 1) for each in shlex.split(variables))
        process = start_command(*words.split(), **named)
        outputs.append(process.communicate(timeout=SECONDS)[0])
        assert process.returncode == 0
    assert "1 message: 1 delivered" in outputs[0]
    assert outputs[1]


def sam_file(output: str) -> Path:
    """The file that both commands of `sam local` name, as a shell reads it."""
    [named] = {shlex.split(each)[1] for each in re.findall(r"--config-file .+", output)}
    return Path(named)


def test_sam_local_finds_what_it_needs(serving: tuple["subprocess.Popen[str]", str]) -> None:
    named = sam_file(serving[1])
    options = tomllib.loads(named.read_text())["default"]
    for command in ("local_invoke", "local_start_api"):
        given = options[command]["parameters"]
        assert given["parameter_overrides"] in ("Architecture=x86_64", "Architecture=arm64")
        assert Path(given["env_vars"]).stat().st_mode & 0o077 == 0
    variables = json.loads(Path(given["env_vars"]).read_text())["Parameters"]
    declared = source()["Globals"]["Function"]["Environment"]["Variables"]
    assert variables.keys() <= declared.keys(), "sam local passes only what is declared"
    hosts = {urlsplit(text).hostname for name, text in variables.items() if name.endswith("_URL")}
    assert hosts == {"host.docker.internal"}


def test_functions_of_sam_local_are_answered(serving: tuple["subprocess.Popen[str]", str]) -> None:
    folder = sam_file(serving[1]).parent
    variables = json.loads((folder / "env.json").read_text())["Parameters"]
    for name in ("AWS_ENDPOINT_URL", "KLAVIYO_API_URL"):
        address = urlsplit(variables[name])
        request = urllib.request.Request(
            f"http://127.0.0.1:{address.port}/stand-in/state", headers={"Host": address.netloc}
        )
        try:
            status = urllib.request.urlopen(request).status
        except urllib.error.HTTPError as error:
            status = error.code
        assert status != 403, name


def test_console_is_where_it_says(serving: tuple["subprocess.Popen[str]", str]) -> None:
    url = re.findall(r"^  (http://127\.0\.0\.1:\d+)$", serving[1], re.MULTILINE)[-1]
    assert f"  console  {url} " in serving[1]
    with urllib.request.urlopen(url) as answer:
        assert "<title>Console · Klaviyo destination</title>" in answer.read().decode()


def test_ctrl_c_ends_it_at_once() -> None:
    process = run(KLAVIYO_PRIVATE_KEY=PRIVATE_KEY, KLAVIYO_API_URL="http://127.0.0.1:1")
    assert process.stdout is not None
    until("Serving until Ctrl-C", process.stdout)
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    assert finish(process) == (0, "\nStopping.\n")
    assert time.monotonic() - began < 15, "it waits for nobody; a busy machine takes a moment"


def test_ctrl_c_in_the_middle_leaves_no_trace() -> None:
    process = run()
    assert process.stdout is not None
    until("Samples", process.stdout)
    process.send_signal(signal.SIGINT)
    status, output = finish(process)
    assert status == 130
    assert not [text for text in UNWANTED if text in output]


@pytest.mark.parametrize("seconds", [0.15, 0.4, 0.9, 1.6])
def test_ctrl_c_while_it_starts_leaves_no_trace(seconds: float) -> None:
    process = run()
    time.sleep(seconds)
    process.send_signal(signal.SIGINT)
    status, output = finish(process)
    if status in (-signal.SIGINT, 130):
        assert not [text for text in UNWANTED if text in output]
    else:
        assert str(ROOT) not in output, "only Python itself may be interrupted as it starts"


@pytest.mark.parametrize(
    ("ports", "said"),
    [
        (
            {"AWS_PORT": "{taken}"},
            "the port {taken} (AWS_PORT) is in use, perhaps by another `make run`: end that, or "
            "take any free ones with `make run AWS_PORT=0`",
        ),
        (
            {"PORT": "5555", "KLAVIYO_PORT": "5555"},
            "PORT and KLAVIYO_PORT name the same port: choose different ones",
        ),
    ],
    ids=["in use", "one for two"],
)
def test_port_that_cannot_be_had_is_one_clear_line(ports: dict[str, str], said: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = server.getsockname()[1]
        named = {name: port.format(taken=taken) for name, port in ports.items()}
        status, output = finish(run(**named))
    assert (status, output) == (1, f"error: {said.format(taken=taken)}\n")


def test_second_run_leaves_the_first_ones_log_alone(tmp_path: Path) -> None:
    with claimed(tmp_path) as first:
        (first / LOG).write_text("of the first run\n")
        real = {"KLAVIYO_PRIVATE_KEY": PRIVATE_KEY, "KLAVIYO_API_URL": "http://127.0.0.1:1"}
        status, _ = finish(run("--once", RUN_FOLDER=str(tmp_path), **real))
    assert status == 0
    assert (first / LOG).read_text() == "of the first run\n"
    assert (tmp_path / "2" / LOG).exists()


@pytest.mark.parametrize(
    ("named", "why"),
    [
        ("{file}", "it is a file, or inside one"),
        ("{file}/run", "it is a file, or inside one"),
        ("{folder}", "Is a directory"),
        ("/proc", None),
        ("/proc/x", None),
    ],
    ids=[
        "a file",
        "inside a file",
        "the lock is a folder",
        "may not be written",
        "may not be made",
    ],
)
def test_folder_that_cannot_be_had_is_one_clear_line(
    named: str, why: str | None, tmp_path: Path
) -> None:
    (file := tmp_path / "a file").touch()
    (tmp_path / LOCK).mkdir()
    path = named.format(file=file, folder=tmp_path)
    status, output = finish(run(RUN_FOLDER=path))
    assert (status, output.count("\n")) == (1, 1)
    assert output.startswith(f"error: RUN_FOLDER: {path} cannot be the run's folder ({why or ''}")
    assert output.endswith("write to with RUN_FOLDER=…, such as RUN_FOLDER=/tmp/run\n")


@pytest.mark.parametrize("name", [LOG, FILE, sam_files.OPTIONS])
def test_file_of_the_folder_that_cannot_be_written_is_one_clear_line(
    name: str, tmp_path: Path
) -> None:
    (tmp_path / name).mkdir()
    status, output = finish(run(RUN_FOLDER=str(tmp_path)))
    assert status == 1
    assert "Traceback" not in output
    assert f"error: RUN_FOLDER: {tmp_path} cannot be the run's folder (Is a directory)" in output


def test_setting_that_cannot_be_read_is_one_clear_line() -> None:
    assert finish(run(ENFORCE_EMAIL="maybe")) == (
        1,
        "error: ENFORCE_EMAIL: expected true or false\n",
    )


def test_real_klaviyo_gets_no_samples() -> None:
    account = Account(keys={PRIVATE_KEY})
    with klaviyo.serve(account) as url:
        status, output = finish(run("--once", KLAVIYO_PRIVATE_KEY=PRIVATE_KEY, KLAVIYO_API_URL=url))
    assert status == 0
    assert "No samples are sent to a real account unless asked: SAMPLES=1." in output
    assert account.requests == []


def test_real_klaviyo_gets_samples_when_asked() -> None:
    account = Account(keys={PRIVATE_KEY})
    with klaviyo.serve(account) as url:
        status, output = finish(
            run("--once", KLAVIYO_PRIVATE_KEY=PRIVATE_KEY, KLAVIYO_API_URL=url, SAMPLES="1")
        )
    assert status == 0
    assert "An outage" not in output
    assert len(account.profiles) == 5
    assert account.events_recorded == 15


@pytest.mark.usefixtures("aws_variables")
def test_nothing_real_lies_where_anything_on_this_machine_can_read_it(tmp_path: Path) -> None:
    account = Account(keys={PRIVATE_KEY})
    with klaviyo.serve(account) as url:
        configuration = Configuration(
            port=0,
            aws_port=0,
            private_key=PRIVATE_KEY,
            klaviyo_api_url=url,
            shared_secret="own-secret",
        )
        with started(tmp_path, configuration) as deployment:
            secret = boto3.client("secretsmanager").get_secret_value(
                SecretId=deployment.queues.secret_arn
            )["SecretString"]
            sample = load(SAMPLES[0])
            answers = [
                send(signed, deployment.webhook_url)[0]
                for signed in (sample, signed_with(sample, "own-secret"))
            ]
    assert PRIVATE_KEY not in secret
    assert "own-secret" not in secret
    assert answers == [401, 200], "what everybody knows opens nothing"
    assert account.requests != []


@pytest.mark.usefixtures("aws_variables")
def test_samples_that_come_to_something_else_are_a_failure(tmp_path: Path) -> None:
    shown = io.StringIO()
    configuration = Configuration(port=0, klaviyo_port=0, aws_port=0)
    with started(tmp_path, configuration) as deployment:
        assert deployment.account is not None
        deployment.account.reset()
        assert tour.show(configuration, deployment, Screen(shown)) is False
    table = shown.getvalue().partition("Not everything is as it should be:\n")[2]
    assert sorted(line.split() for line in table.splitlines()) == [
        ["missing", "asked", "to", "confirm", "Y6nRLr", "tom.okafor@acme-store.example"],
        ["missing", "on", "list", "WmB7kT", "ines.moreau@acme-store.example"],
        ["unexpected", "dead", "letter", "identify-list-1", "refused"],
        ["unexpected", "dead", "letter", "identify-list-2", "refused"],
    ]


@pytest.mark.usefixtures("aws_variables")
def test_sample_that_had_to_wait_is_as_expected_once_it_is_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A part of a busy machine is late now and then."""
    monkeypatch.setattr(tour, "SAMPLES", SAMPLES[:1])
    shown = io.StringIO()
    configuration = Configuration(port=0, klaviyo_port=0, aws_port=0)
    with started(tmp_path, configuration) as deployment:
        assert deployment.account is not None
        deployment.account.set_weather(Weather(down=True))
        well_again = threading.Timer(1.0, deployment.account.set_weather)
        well_again.start()
        tour.show(configuration, deployment, Screen(shown))
    first = next(line for line in shown.getvalue().splitlines() if SAMPLES[0].file in line)
    assert re.fullmatch(
        r"  ✓ identify\.json +a person with traits +\d+ ms  200  "
        r"queued \(unavailable\), tried again within \d+\.\d s",
        first,
    )


@pytest.mark.parametrize("module", ["local", "local.sam", "local.klaviyo_stand_in", "tests.faults"])
def test_help_needs_nothing_of_the_environment(module: str) -> None:
    shell = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    done = subprocess.run(
        [sys.executable, "-m", module, "--help"],
        cwd=ROOT,
        env=shell,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"usage: python -m {module}")
