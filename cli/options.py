"""Options that several verbs share, and the values that result.

A value comes from the option, else from `--env-file`, else from the stack that `--stack` names, or
without one from the environment. Other settings have their defaults.
"""

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args, get_origin

import click

from cli.troubles import Misuse, Trouble
from handler.aws.environment import DEFAULT_API_URL, read_settings
from klaviyo_mapping.settings.settings import SettingError, Settings

if TYPE_CHECKING:
    from cli.stack.aws import Stack

Command = TypeVar("Command", bound=Callable[..., Any])

SETTING_HELP = {
    "confirm_optin": "Lists: let the list's own opt-in process ask, or add people at once.",
    "enforce_email": "Only the e-mail address names a profile.",
    "list_id": "The list that identified people join.",
    "fallback_on_anonymous_id": "Use the anonymousId if there is no userId.",
    "send_placed_order_as_order_completed": "Give an order's metric its Segment name.",
    "default_country": "The country of phone numbers in messages that name no country.",
    "audience_lists": "Lists of Engage audiences: auto, or a JSON object of keys and list ids.",
    "consent_events": "Let two tracks change the consent to marketing.",
    "subscribe_event": "The name of the track that subscribes.",
    "unsubscribe_event": "The name of the track that unsubscribes.",
    "forward_deletions": "Let a delete message delete the profile.",
    "order_property_names": "The naming of orders' properties.",
    "ecommerce_metrics": "The naming of e-commerce metrics.",
    "keep_user_id": "The custom property that keeps the userId while it does not name the profile.",
    "send_anonymous_id": "Send the anonymousId on events, beside other identifiers.",
    "forward_aliases": "Let an alias merge two profiles.",
    "forward_types": "More types of messages: group, page, screen, separated by commas.",
    "list_opt_in": "The opt-in process of lists that are created.",
    "consent_source": "Where a consent was given, for messages that do not say.",
    "send_context": "Use locale and IP address of the context if no trait has them.",
}
"""One line of help for each setting. A setting without a line has an option all the same."""

IN_A_FILE = "rules"
"""The setting that is no option of its own: `--rules-file` names a file with its text."""


def setting_options(command: Command) -> Command:
    """One option for each field of `Settings`, `--rules-file` and `--env-file`."""
    command = click.option(
        "--rules-file",
        type=click.Path(exists=True, dir_okay=False, path_type=Path, resolve_path=True),
        help="Filters and renames, as in src/rules.example.toml. [default: none]",
    )(command)
    for setting in reversed(fields(Settings)):
        if setting.name == IN_A_FILE:
            continue
        flag = setting.name.replace("_", "-")
        declared = f"--{flag}/--no-{flag}" if setting.type is bool else f"--{flag}"
        words = get_args(setting.type) if get_origin(setting.type) is Literal else ()
        help_text = SETTING_HELP.get(setting.name, f"The setting {setting.name.upper()}.")
        command = click.option(
            declared,
            setting.name,
            default=None,
            type=click.Choice(words) if words else None,
            help=f"{help_text} [default: {_shown(setting.default)}]",
        )(command)
    return click.option(
        "--env-file",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="Settings as NAME=value lines, named as in docs/settings.md.",
    )(command)


def _shown(default: object) -> str:
    if default is None or default == ():
        return "none"
    return {True: "yes", False: "no"}[default] if isinstance(default, bool) else str(default)


def json_option(command: Command) -> Command:
    """`--json`."""
    return click.option("--json", "as_json", is_flag=True, help="Write JSON, for machines.")(
        command
    )


def stack_option(command: Command) -> Command:
    """`--stack`."""
    return click.option("--stack", "stack_name", metavar="NAME", help="Ask this stack in AWS.")(
        command
    )


@dataclass(frozen=True)
class Context:
    """Where a command's values come from."""

    stack_name: str | None = None
    env_file: Path | None = None
    chosen: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def stack(self) -> "Stack | None":
        """What AWS knows of the stack that was named."""
        if self.stack_name is None:
            return None
        from cli.stack import aws

        return aws.stack(self.stack_name)

    @cached_property
    def variables(self) -> dict[str, str]:
        """Environment variables as the functions would see them."""
        found = dict(os.environ) if self.stack is None else self.stack.settings()
        if self.env_file is not None:
            from dotenv import dotenv_values

            read = dotenv_values(self.env_file, interpolate=False)
            found.update((name, text or "") for name, text in read.items())
        for name, value in self.chosen.items():
            if value is not None:
                found[name.upper()] = str(value)
        if self.chosen.get("rules_file") is not None:
            found["RULES"] = ""
        return found

    @cached_property
    def settings(self) -> Settings:
        """The mapping's settings. Raises `Misuse` naming the one that cannot be read."""
        try:
            return read_settings(self.variables)
        except SettingError as error:
            raise Misuse(str(error)) from None

    @cached_property
    def api_url(self) -> str:
        """Where Klaviyo is."""
        from_stack = self.stack.parameters.get("KlaviyoApiUrl") if self.stack else None
        return self.variables.get("KLAVIYO_API_URL") or from_stack or DEFAULT_API_URL

    def private_key(self) -> str:
        """Klaviyo's key: from the stack's secret, the environment, or a prompt."""
        key = self.variables.get("KLAVIYO_PRIVATE_KEY", "").strip()
        if not key and self.stack is not None:
            key = str(self._secret.get("klaviyo_private_key") or "").strip()
            if not key:
                raise Trouble("the stack's secret has no klaviyo_private_key: run `secret set`")
        return key or asked("KLAVIYO_PRIVATE_KEY", "Klaviyo private key")

    def shared_secrets(self, given: str | None = None) -> list[str]:
        """Segment's shared secrets; more than one during a rotation."""
        if given:
            return [given]
        text = self.variables.get("SEGMENT_SHARED_SECRET", "")
        if text:
            return [text]
        if self.stack is not None:
            found = self._secret.get("segment_shared_secret")
            listed = [each for each in (found if isinstance(found, list) else [found]) if each]
            if not listed:
                raise Trouble("the stack's secret has no segment_shared_secret: run `secret set`")
            return [str(each) for each in listed]
        return [asked("SEGMENT_SHARED_SECRET", "Segment shared secret")]

    def webhook_token(self) -> str | None:
        """The second secret, if one is required."""
        if token := self.variables.get("WEBHOOK_TOKEN"):
            return token
        found = self._secret.get("webhook_token")
        first = found[0] if isinstance(found, list) and found else found
        return None if first is None else str(first)

    @cached_property
    def _secret(self) -> dict[str, Any]:
        from cli.stack import aws

        return {} if self.stack is None else aws.secret(self.stack.output("CredentialsSecretArn"))


def asked(variable: str, prompt: str) -> str:
    """A secret, typed without being shown. Raises `Misuse` without a terminal."""
    if not sys.stdin.isatty():
        raise Misuse(f"{variable} is not set, and there is no terminal to ask for it")
    text: str = click.prompt(prompt, hide_input=True, err=True)
    return text


def settings_of(given: dict[str, Any]) -> dict[str, Any]:
    """Take the options of `setting_options` out of a command's parameters."""
    names = [each.name for each in fields(Settings) if each.name != IN_A_FILE]
    return {name: given.pop(name) for name in (*names, "rules_file")}
