"""The configuration of `make run`: environment variables, all of them optional, and `--once`."""

import argparse
import errno
import secrets
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cli.setting_names import misspelt
from handler.aws.environment import DEFAULT_API_URL, Environment
from klaviyo_mapping.settings.declaration import FALSE, TRUE, SettingError, declared
from klaviyo_mapping.settings.settings import Settings
from local.aws_stand_in.function import ROOT
from local.samples.sign import SAMPLE_SECRET

PORT, KLAVIYO_PORT, AWS_PORT, CONSOLE_PORT = 8080, 8081, 8082, 8083

RUN_FOLDER = ROOT / ".run"

STANDS_FOR = {
    "RETRY_QUEUE_URL": "http://127.0.0.1",
    "DEAD_LETTER_QUEUE_URL": "http://127.0.0.1",
    "CREDENTIALS_SECRET_ARN": "arn",
}
"""Placeholders for variables that are set once there are queues, so that all others can be checked
before."""


class ConfigurationError(Exception):
    """The configuration is impossible. The text is one line that says what to change."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """How to run. `private_key` is for the real Klaviyo; without one, the stand-in takes its place.

    With a private key and without a given `shared_secret`, a random one is made, since everybody
    knows the samples' secret; `secret_is_given` tells the two cases apart. `settings` are the
    mapping's settings that were given, as `NAME=value`; `defaults_hold` is false if they change
    anything. While `is_paused`, nothing leaves the retry queue.
    """

    port: int = PORT
    klaviyo_port: int = KLAVIYO_PORT
    aws_port: int = AWS_PORT
    console_port: int = CONSOLE_PORT
    private_key: str | None = field(default=None, repr=False)
    klaviyo_api_url: str = DEFAULT_API_URL
    shared_secret: str = field(default=SAMPLE_SECRET, repr=False)
    secret_is_given: bool = False
    samples: bool = True
    once: bool = False
    verbose: bool = False
    run_folder: Path = RUN_FOLDER
    settings: tuple[str, ...] = ()
    defaults_hold: bool = True
    is_paused: bool = False

    @classmethod
    def read(cls, variables: Mapping[str, str], arguments: Sequence[str]) -> "Configuration":
        """Read variables and arguments. Raises `ConfigurationError` naming what is wrong."""
        parser = argparse.ArgumentParser(
            prog="python -m local",
            description="The whole destination on this machine, on loopback.",
        )
        parser.add_argument(
            "--once", action="store_true", help="end when the samples are through (ONCE=1)"
        )
        once = parser.parse_args(arguments).once
        for mistake in misspelt(variables):
            raise ConfigurationError(mistake)
        private_key = variables.get("KLAVIYO_PRIVATE_KEY", "").strip() or None
        api_url = variables.get("KLAVIYO_API_URL", "").strip()
        if api_url and private_key is None:
            raise ConfigurationError(
                "KLAVIYO_API_URL is set and KLAVIYO_PRIVATE_KEY is not: set both, or neither"
            )
        try:
            environment = Environment.read({**variables, **STANDS_FOR})
        except SettingError as error:
            raise ConfigurationError(str(error)) from None
        return cls(
            port=_port(variables, "PORT", PORT),
            klaviyo_port=_port(variables, "KLAVIYO_PORT", KLAVIYO_PORT),
            aws_port=_port(variables, "AWS_PORT", AWS_PORT),
            console_port=_port(variables, "CONSOLE_PORT", CONSOLE_PORT),
            private_key=private_key,
            klaviyo_api_url=environment.klaviyo_api_url,
            shared_secret=variables.get("SEGMENT_SHARED_SECRET", "").strip()
            or (SAMPLE_SECRET if private_key is None else secrets.token_hex(16)),
            secret_is_given=bool(variables.get("SEGMENT_SHARED_SECRET", "").strip()),
            samples=private_key is None or _flag(variables, "SAMPLES"),
            once=once or _flag(variables, "ONCE"),
            verbose=_flag(variables, "VERBOSE"),
            run_folder=Path(variables.get("RUN_FOLDER", "").strip() or RUN_FOLDER),
            settings=tuple(
                f"{name}={variables[name]}"
                for name in (*(each.variable for each in declared(Settings)), "RULES_FILE")
                if variables.get(name, "").strip()
            ),
            defaults_hold=environment.settings == Settings() and not environment.is_paused,
            is_paused=environment.is_paused,
        )

    @property
    def is_judged(self) -> bool:
        """Whether the samples' results are known: on the stand-in, with the defaults."""
        return self.private_key is None and self.defaults_hold

    def require_free_ports(self) -> None:
        """Raise `ConfigurationError` that names every port that is not available."""
        ports = {"PORT": self.port, "AWS_PORT": self.aws_port, "CONSOLE_PORT": self.console_port}
        if self.private_key is None:
            ports["KLAVIYO_PORT"] = self.klaviyo_port
        fixed = {name: port for name, port in ports.items() if port}
        twice = [name for name, port in fixed.items() if list(fixed.values()).count(port) > 1]
        if twice:
            raise ConfigurationError(f"{_listed(twice)} name the same port: choose different ones")
        taken = {name: port for name, port in fixed.items() if not _is_free(port, name)}
        if taken:
            which = _listed([f"{port} ({name})" for name, port in taken.items()])
            what = "the port {} is" if len(taken) == 1 else "the ports {} are"
            free = " ".join(f"{name}=0" for name in taken)
            raise ConfigurationError(
                f"{what.format(which)} in use, perhaps by another `make run`: end that, or take "
                f"any free ones with `make run {free}`"
            )


def _port(variables: Mapping[str, str], name: str, default: int) -> int:
    text = variables.get(name, "").strip()
    if not text:
        return default
    if not text.isascii() or not text.isdecimal() or int(text) > 65535:
        raise ConfigurationError(f"{name}: expected a port from 1 to 65535, or 0 for any free one")
    return int(text)


def _flag(variables: Mapping[str, str], name: str) -> bool:
    word = variables.get(name, "").strip().lower()
    if word and word not in TRUE | FALSE:
        raise ConfigurationError(f"{name}: expected 1 or 0")
    return word in TRUE


def _is_free(port: int, name: str) -> bool:
    """Whether the port is free. Raises `ConfigurationError` for one that is not allowed."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise ConfigurationError(
                f"port {port} cannot be opened ({error.strerror}): choose another one with {name}=…"
            ) from None
    return True


def _listed(names: Sequence[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last
