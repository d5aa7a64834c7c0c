"""What `make run` can be asked for, and what it says when that cannot be."""

import re
import socket
from pathlib import Path

import pytest

from local.make_run.configuration import Configuration, ConfigurationError

REAL = {"KLAVIYO_PRIVATE_KEY": "pk_real"}
OWN = {**REAL, "SEGMENT_SHARED_SECRET": "own"}


@pytest.mark.parametrize(
    ("variables", "arguments", "configuration"),
    [
        pytest.param({}, [], Configuration(), id="nothing"),
        pytest.param({"PORT": " ", "ONCE": ""}, [], Configuration(), id="blank is nothing"),
        pytest.param(
            {"PORT": "9000", "KLAVIYO_PORT": "0", "AWS_PORT": "9002", "CONSOLE_PORT": "9003"},
            [],
            Configuration(port=9000, klaviyo_port=0, aws_port=9002, console_port=9003),
            id="ports",
        ),
        pytest.param({}, ["--once"], Configuration(once=True), id="once"),
        pytest.param({"ONCE": "1"}, [], Configuration(once=True), id="ONCE"),
        pytest.param({"ONCE": "0"}, [], Configuration(), id="ONCE=0"),
        pytest.param({"VERBOSE": "yes"}, [], Configuration(verbose=True), id="VERBOSE"),
        pytest.param(
            {"RUN_FOLDER": "other"}, [], Configuration(run_folder=Path("other")), id="RUN_FOLDER"
        ),
        pytest.param(
            OWN,
            [],
            Configuration(
                private_key="pk_real", shared_secret="own", secret_is_given=True, samples=False
            ),
            id="the real Klaviyo gets no samples",
        ),
        pytest.param(
            {**OWN, "SAMPLES": "1", "KLAVIYO_API_URL": "https://klaviyo.example"},
            [],
            Configuration(
                private_key="pk_real",
                shared_secret="own",
                secret_is_given=True,
                klaviyo_api_url="https://klaviyo.example",
            ),
            id="unless asked",
        ),
        pytest.param(
            {"SEGMENT_SHARED_SECRET": "own"},
            [],
            Configuration(shared_secret="own", secret_is_given=True),
            id="secret",
        ),
        pytest.param(
            {"LIST_ID": "Y6nRLr", "ENFORCE_EMAIL": "true"},
            [],
            Configuration(settings=("ENFORCE_EMAIL=true", "LIST_ID=Y6nRLr"), defaults_hold=False),
            id="settings",
        ),
        pytest.param(
            {"RULES_FILE": "rules.example.toml"},
            [],
            Configuration(settings=("RULES_FILE=rules.example.toml",), defaults_hold=False),
            id="rules",
        ),
    ],
)
def test_what_it_can_be_asked_for(
    variables: dict[str, str], arguments: list[str], configuration: Configuration
) -> None:
    assert Configuration.read(variables, arguments) == configuration


def test_with_a_real_key_nobody_can_know_a_secret_that_was_not_given() -> None:
    made_up = {Configuration.read(REAL, []).shared_secret for _ in range(3)}
    assert len(made_up) == 3
    assert min(map(len, made_up)) >= 32


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"PORT": "http"}, "PORT: expected a port from 1 to 65535, or 0 for any free one"),
        ({"AWS_PORT": "65536"}, "AWS_PORT: expected a port from 1 to 65535, or 0 for any free one"),
        ({"ENFORCE_EMAIL": "maybe"}, "ENFORCE_EMAIL: expected true or false"),
        (
            {"RULES": "[events]\nallow = 1"},
            'RULES: [events] allow: expected a list of texts such as ["One", "Another"]',
        ),
        ({"RETRY_HOURS": "0"}, "RETRY_HOURS: expected a whole number of hours from 1 to 72"),
        (
            {"KLAVIYO_API_URL": "https://klaviyo.example"},
            "KLAVIYO_API_URL is set and KLAVIYO_PRIVATE_KEY is not: set both, or neither",
        ),
        (
            {**REAL, "KLAVIYO_API_URL": "klaviyo"},
            "KLAVIYO_API_URL: expected a valid URL that begins with https:// or http://",
        ),
    ],
)
def test_what_it_says_of_what_it_cannot_read(variables: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^{re.escape(message)}$"):
        Configuration.read(variables, [])


@pytest.mark.parametrize("name", ["PORT", "KLAVIYO_PORT", "AWS_PORT", "CONSOLE_PORT"])
def test_port_in_use_is_named_with_its_variable(name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ports = {"PORT": "0", "KLAVIYO_PORT": "0", "AWS_PORT": "0", "CONSOLE_PORT": "0"}
        ports[name] = str(port)
        message = (
            f"the port {port} ({name}) is in use, perhaps by another `make run`: end that, or take "
            f"any free ones with `make run {name}=0`"
        )
        with pytest.raises(ConfigurationError, match=f"^{re.escape(message)}$"):
            Configuration.read(ports, []).require_free_ports()


def test_every_port_in_use_is_named_at_once() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as one,
        socket.create_server(("127.0.0.1", 0)) as other,
    ):
        first, second = one.getsockname()[1], other.getsockname()[1]
        ports = {"PORT": str(first), "KLAVIYO_PORT": "0", "AWS_PORT": "0"}
        message = (
            f"the ports {first} (PORT) and {second} (CONSOLE_PORT) are in use, perhaps by another "
            "`make run`: end that, or take any free ones with `make run PORT=0 CONSOLE_PORT=0`"
        )
        with pytest.raises(ConfigurationError, match=f"^{re.escape(message)}$"):
            Configuration.read({**ports, "CONSOLE_PORT": str(second)}, []).require_free_ports()


def test_one_port_for_two_is_a_mistake() -> None:
    ports = {"PORT": "5555", "KLAVIYO_PORT": "5555", "AWS_PORT": "0", "CONSOLE_PORT": "0"}
    message = "PORT and KLAVIYO_PORT name the same port: choose different ones"
    with pytest.raises(ConfigurationError, match=f"^{message}$"):
        Configuration.read(ports, []).require_free_ports()


def test_any_free_port_may_stand_for_all() -> None:
    names = ("PORT", "KLAVIYO_PORT", "AWS_PORT", "CONSOLE_PORT")
    Configuration.read(dict.fromkeys(names, "0"), []).require_free_ports()


def test_stand_in_needs_no_port_beside_the_real_klaviyo() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        others = {"PORT": "0", "AWS_PORT": "0", "CONSOLE_PORT": "0"}
        variables = {**REAL, **others, "KLAVIYO_PORT": port}
        Configuration.read(variables, []).require_free_ports()


def test_neither_key_nor_secret_is_shown() -> None:
    shown = repr(Configuration(private_key="pk_real", shared_secret="own"))
    assert "pk_real" not in shown
    assert "own" not in shown


@pytest.mark.parametrize(
    ("configuration", "is_judged"),
    [
        (Configuration(), True),
        (Configuration(defaults_hold=False), False),
        (Configuration(private_key="pk_real"), False),
    ],
)
def test_samples_are_judged_on_the_stand_in_with_the_defaults(
    configuration: Configuration, is_judged: bool
) -> None:
    assert configuration.is_judged is is_judged
