"""The environment variables of both functions, read once at start.

To add one, declare it in `Environment`; a test says where else it must stand.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from klaviyo_mapping.settings.declaration import (
    Reader,
    Setting,
    SettingError,
    declared,
    read_declared,
)
from klaviyo_mapping.settings.settings import Settings

DEFAULT_API_URL = "https://a.klaviyo.com"

CODE = Path(__file__).parents[2]
"""Where the functions are: `src/` here, `/var/task` in Lambda. `RULES_FILE` counts from here."""


def _url(variable: str, text: str) -> str:
    if not is_url(text):
        raise SettingError(variable, "a valid URL that begins with https:// or http://")
    return text


def _proxy(variable: str, text: str) -> str:
    if not is_url(text if "://" in text else f"http://{text}"):
        raise SettingError(variable, "the URL of a proxy, such as http://proxy.example:3128")
    return text


def _number(unit: str, most: int, least: int = 1) -> Reader:
    def read(variable: str, text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,4}", text) or not least <= int(text) <= most:
            raise SettingError(variable, f"a whole number of {unit} from {least} to {most}")
        return int(text)

    return read


def _text(_: str, text: str) -> str:
    return text


@dataclass(frozen=True, slots=True)
class Environment:
    """What a function needs to know about where it runs.

    A field's variable is its name in capitals. The secret's three fields replace the secret itself
    during development. boto3 reads `aws_endpoint_url`, and both HTTP clients read the proxy: they
    are declared here to be checked at start.
    """

    settings: Settings
    retry_queue_url: Annotated[
        str, Setting("Retry queue", "The URL of the retry queue.", _url, origin="resource")
    ]
    dead_letter_queue_url: Annotated[
        str,
        Setting("Dead-letter queue", "The URL of the dead-letter queue.", _url, origin="resource"),
    ]
    credentials_secret_arn: Annotated[
        str | None, Setting("Secret", "The ARN of the secret.", _text, origin="resource")
    ] = None
    klaviyo_api_url: Annotated[
        str,
        Setting("Klaviyo's API", "Klaviyo's address. Change it for tests only.", _url),
    ] = DEFAULT_API_URL
    pause: Annotated[
        Literal["off", "on"],
        Setting(
            "Keep everything on the queue",
            'While "on", everything is accepted and kept on the retry queue, and nothing is'
            " delivered.",
        ),
    ] = "off"
    retry_hours: Annotated[
        int,
        Setting(
            "Retry for (hours)",
            "How long a failed delivery is retried before it goes to the dead-letter queue.",
            _number("hours", 72),
        ),
    ] = 24
    retry_concurrency: Annotated[
        int,
        Setting(
            "Concurrent retry functions",
            "The most retry functions that run at once. Each uses its share of Klaviyo's limits,"
            " which are per account. Two is also the minimum that Lambda allows.",
            _number("functions", 1000, least=2),
        ),
    ] = 2
    ledger_table: Annotated[
        str | None,
        Setting("Ledger", "The table of the ledger; blank is off.", _text, origin="resource"),
    ] = None
    ledger_days: Annotated[
        int,
        Setting(
            "Keep the ledger for (days)",
            "How many days the ledger remembers a message.",
            _number("days", 365),
        ),
    ] = 30
    rules_file: Annotated[
        str | None,
        Setting(
            "Rules file",
            "The file in src/ with filters and renames, as src/rules.example.toml shows.",
            _text,
            example="rules.toml",
        ),
    ] = None
    https_proxy: Annotated[
        str | None,
        Setting(
            "Proxy",
            "The proxy that every HTTPS request of the functions goes through, for a company with"
            " one address for all that leaves it.",
            _proxy,
            example="http://proxy.example:3128",
        ),
    ] = None
    no_proxy: Annotated[
        str | None,
        Setting(
            "Hosts without a proxy",
            "Ends of host names that the proxy is not for, separated by commas.",
            _text,
            example=".amazonaws.com",
        ),
    ] = None
    aws_endpoint_url: Annotated[
        str | None, Setting("AWS", "The address of AWS, as boto3 reads it.", _url, origin="local")
    ] = None
    klaviyo_private_key: Annotated[
        str | None,
        Setting("Klaviyo private key", "Replaces the secret's field.", _text, origin="local"),
    ] = field(default=None, repr=False)
    segment_shared_secret: Annotated[
        str | None,
        Setting("Segment shared secret", "Replaces the secret's field.", _text, origin="local"),
    ] = field(default=None, repr=False)

    ledger_key: Annotated[
        str | None,
        Setting("Key of the ledger", "Replaces the secret's field.", _text, origin="local"),
    ] = field(default=None, repr=False)

    @property
    def is_paused(self) -> bool:
        """Whether nothing may be delivered."""
        return self.pause == "on"

    @property
    def retry_seconds(self) -> int:
        """How long a failed operation is tried again before it goes to the dead-letter queue."""
        return self.retry_hours * 3600

    @property
    def ledger_seconds(self) -> int:
        """How long the ledger keeps what it holds."""
        return self.ledger_days * 86_400

    @classmethod
    def read(cls, variables: Mapping[str, str]) -> "Environment":
        """Read and check every variable; blank counts as absent.

        Raises `SettingError` naming the variable and what it takes.
        """
        _check_proxy(variables)
        environment = cls(settings=read_settings(variables), **read_declared(cls, variables))
        if environment.credentials_secret_arn is None and (
            environment.klaviyo_private_key is None or environment.segment_shared_secret is None
        ):
            raise SettingError(
                "CREDENTIALS_SECRET_ARN",
                "the ARN of the secret with klaviyo_private_key and segment_shared_secret "
                "(or, in development, KLAVIYO_PRIVATE_KEY and SEGMENT_SHARED_SECRET)",
            )
        return environment


def read_delivery(variables: Mapping[str, str]) -> dict[str, Any]:
    """The delivery settings that are set, by their fields: what a parameter of the template sets.

    For whoever runs no function and checks them all the same. Raises as `Environment.read` does.
    """
    _check_proxy(variables)
    return {
        each.name: each.read(each.variable, text)
        for each in declared(Environment)
        if each.setting.origin == "parameter" and (text := variables.get(each.variable, "").strip())
    }


def _check_proxy(variables: Mapping[str, str]) -> None:
    """The HTTP clients read this spelling as well."""
    if proxy := _optional(variables, "https_proxy"):
        _proxy("https_proxy", proxy)


def read_settings(variables: Mapping[str, str]) -> Settings:
    """The mapping's settings, with the rules of the file that `RULES_FILE` names.

    Raises `SettingError` naming the variable and what it takes.
    """
    settings = Settings.from_environment(variables)
    name = _optional(variables, "RULES_FILE")
    if name is None:
        return settings
    if settings.rules is not None:
        raise SettingError("RULES_FILE", "no file together with RULES: set only one of them")
    # Imported here, with the parser of TOML, since few have rules.
    from klaviyo_mapping.settings.rules_file import RulesError, read_rules

    try:
        return replace(settings, rules=read_rules(rules_text(variables)))
    except RulesError as error:
        raise SettingError("RULES_FILE", error.expected, f"{name} {error.where}") from None


def rules_text(variables: Mapping[str, str]) -> str:
    """The rules as they were written, in `RULES` or in the file that `RULES_FILE` names; empty when
    there are none. Raises `SettingError` for a file that cannot be read."""
    name = _optional(variables, "RULES_FILE")
    if name is None:
        return variables.get("RULES", "").strip()
    try:
        return (CODE / name).read_text(encoding="utf-8")
    except (OSError, ValueError):
        raise SettingError(
            "RULES_FILE", f"a text file in UTF-8 at this path, counted from {CODE}", name
        ) from None


def _optional(variables: Mapping[str, str], name: str) -> str | None:
    return variables.get(name, "").strip() or None


def is_url(text: str) -> bool:
    """Whether a connection could be made to it: each label of its host has 1 to 63 characters."""
    if not re.fullmatch(r"https?://[^\s/?#]+(/\S*)?", text):
        return False
    try:
        address = urlsplit(text)
        port = address.port
    except ValueError:
        return False
    _, _, place = address.netloc.rpartition("@")
    if not re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[\w.-]+)(:[0-9]*)?", place, re.ASCII):
        return False
    host = (address.hostname or "").removesuffix(".")
    return all(0 < len(label) < 64 for label in host.split(".")) and port != 0
