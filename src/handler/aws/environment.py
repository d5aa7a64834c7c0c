"""The environment variables of both functions, read once at start."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from klaviyo_mapping.settings.settings import SettingError, Settings

DEFAULT_API_URL = "https://a.klaviyo.com"
DEFAULT_RETRY_HOURS = 24
DEFAULT_LEDGER_DAYS = 30

PROXIES = ("HTTPS_PROXY", "https_proxy")

CODE = Path(__file__).parents[2]
"""Where the functions are: `src/` here, `/var/task` in Lambda. `RULES_FILE` counts from here."""


@dataclass(frozen=True, slots=True)
class Environment:
    """What a function needs to know about where it runs.

    The secret's two fields are development's stand-ins for the secret itself. `retry_seconds` is
    how long a failed operation is tried again before it goes to the dead-letter queue. Without a
    `ledger_table` there is no ledger; what it holds is kept for `ledger_seconds`.
    """

    settings: Settings
    klaviyo_api_url: str
    retry_queue_url: str
    dead_letter_queue_url: str
    credentials_secret_arn: str | None
    klaviyo_private_key: str | None = field(repr=False)
    segment_shared_secret: str | None = field(repr=False)
    retry_seconds: int = DEFAULT_RETRY_HOURS * 3600
    ledger_table: str | None = None
    ledger_seconds: int = DEFAULT_LEDGER_DAYS * 86_400

    @classmethod
    def read(cls, variables: Mapping[str, str]) -> "Environment":
        """Read and check every variable; blank counts as absent.

        Raises `SettingError` naming the variable and what it takes.
        """
        arn = _optional(variables, "CREDENTIALS_SECRET_ARN")
        _check_proxy(variables)
        private_key = _optional(variables, "KLAVIYO_PRIVATE_KEY")
        shared_secret = _optional(variables, "SEGMENT_SHARED_SECRET")
        if arn is None and (private_key is None or shared_secret is None):
            raise SettingError(
                "CREDENTIALS_SECRET_ARN",
                "the ARN of the secret with klaviyo_private_key and segment_shared_secret "
                "(or, in development, KLAVIYO_PRIVATE_KEY and SEGMENT_SHARED_SECRET)",
            )
        return cls(
            settings=read_settings(variables),
            klaviyo_api_url=_url(variables, "KLAVIYO_API_URL", DEFAULT_API_URL),
            retry_queue_url=_url(variables, "RETRY_QUEUE_URL"),
            dead_letter_queue_url=_url(variables, "DEAD_LETTER_QUEUE_URL"),
            credentials_secret_arn=arn,
            klaviyo_private_key=private_key,
            segment_shared_secret=shared_secret,
            retry_seconds=_number(variables, "RETRY_HOURS", "hours", 72, DEFAULT_RETRY_HOURS)
            * 3600,
            ledger_table=_optional(variables, "LEDGER_TABLE"),
            ledger_seconds=_number(variables, "LEDGER_DAYS", "days", 365, DEFAULT_LEDGER_DAYS)
            * 86_400,
        )


def read_settings(variables: Mapping[str, str]) -> Settings:
    """The mapping's settings, with the rules of the file that `RULES_FILE` names.

    Raises `SettingError` naming the variable and what it takes.
    """
    settings = Settings.from_environment(variables)
    name = _optional(variables, "RULES_FILE")
    if name is None:
        return settings
    if settings.rules is not None:
        raise SettingError("RULES_FILE", "no file beside RULES: set one of the two")
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


def _url(variables: Mapping[str, str], name: str, default: str | None = None) -> str:
    text = _optional(variables, name) or default
    if text is None or not _is_url(text):
        raise SettingError(name, "a URL that begins with https:// or http://")
    return text


def _check_proxy(variables: Mapping[str, str]) -> None:
    """What HTTPS requests go through, where a company wants one address for all that leaves it."""
    for name in PROXIES:
        text = _optional(variables, name)
        if text is not None and not _is_url(text if "://" in text else f"http://{text}"):
            raise SettingError(name, "the URL of a proxy, such as http://proxy.example:3128")


def _is_url(text: str) -> bool:
    """Whether a connection could be made to it: each label of its host has 1 to 63 characters."""
    if not re.fullmatch(r"https?://[^\s/]+(/\S*)?", text):
        return False
    try:
        address = urlsplit(text)
        port = address.port
    except ValueError:
        return False
    host = (address.hostname or "").removesuffix(".")
    return host.isascii() and all(0 < len(label) < 64 for label in host.split(".")) and port != 0


def _number(variables: Mapping[str, str], name: str, unit: str, most: int, default: int) -> int:
    text = _optional(variables, name)
    if text is None:
        return default
    if not re.fullmatch(r"\d{1,3}", text) or not 1 <= int(text) <= most:
        raise SettingError(name, f"a whole number of {unit} from 1 to {most}")
    return int(text)
