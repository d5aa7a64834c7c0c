"""Options that several verbs share, and the values that result.

A value comes from the option, else from `--env-file`, else from the stack that `--stack` names or
`--local` means, or without one from the environment. Other settings have their defaults.
"""

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from cli.next_command import LOCAL, how_to_set
from cli.terminal import note
from cli.troubles import Misuse, Trouble
from handler.aws.environment import DEFAULT_API_URL, read_delivery, read_settings
from klaviyo_mapping.settings.declaration import Declared, SettingError, declared
from klaviyo_mapping.settings.settings import Settings

if TYPE_CHECKING:
    from cli.stack.aws import Stack

Command = TypeVar("Command", bound=Callable[..., Any])

IN_A_FILE = "rules"
"""The setting that is no option of its own: `--rules-file` names a file with its text."""


def setting_options(command: Command) -> Command:
    """One option for each setting of `Settings`, `--rules-file` and `--env-file`."""
    command = click.option(
        "--rules-file",
        type=click.Path(exists=True, dir_okay=False, path_type=Path, resolve_path=True),
        help="Filters and renames, as in src/rules.example.toml. [default: none]",
    )(command)
    for each in reversed(list(declared(Settings))):
        if each.name == IN_A_FILE:
            continue
        flag = each.name.replace("_", "-")
        command = click.option(
            f"--{flag}/--no-{flag}" if each.is_switch else f"--{flag}",
            each.name,
            default=None,
            metavar=f"[{'|'.join(each.choices)}]" if each.choices else None,
            shell_complete=_words(each.choices),
            help=f"{each.setting.help} [default: {_shown(each)}]",
        )(command)
    return click.option(
        "--env-file",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="Settings as NAME=value lines, named as in docs/settings.md.",
    )(command)


def _words(choices: tuple[str, ...]) -> Callable[..., list[str]]:
    """Completes a choice. It is read as the variable is, so that any spelling counts here too."""
    return lambda _ctx, _param, incomplete: [
        each for each in choices if each.startswith(incomplete)
    ]


def _shown(each: Declared) -> str:
    if each.is_switch:
        return "yes" if each.default else "no"
    return each.default_text or "none"


def json_option(command: Command) -> Command:
    """`--json`."""
    return click.option("--json", "as_json", is_flag=True, help="Write JSON, for machines.")(
        command
    )


def shared_secret_option(command: Command) -> Command:
    """`--secret`: Segment's, for one call."""
    return click.option(
        "--secret",
        metavar="TEXT",
        help="The shared secret. Other processes can see it; SEGMENT_SHARED_SECRET is safer.",
    )(command)


def stack_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--stack`, and `--local` for the stack that `make run` is. The command gets `stack_name`."""

    @click.option("--stack", "stack_name", metavar="NAME", help="Ask this stack in AWS.")
    @click.option("--local", "is_local", is_flag=True, help="Ask `make run` on this machine.")
    @wraps(command)
    def with_stack(*arguments: Any, stack_name: str | None, is_local: bool, **others: Any) -> Any:
        if is_local and stack_name is not None:
            raise Misuse("--stack or --local, not both")
        return command(*arguments, stack_name=LOCAL if is_local else stack_name, **others)

    return with_stack


def required_stack_option(command: Command) -> Command:
    """`--stack` of a verb that has no meaning without one."""
    return click.option(
        "--stack", "stack_name", metavar="NAME", required=True, help="The stack in AWS."
    )(command)


@dataclass(frozen=True)
class CommandContext:
    """Where a command's values come from."""

    stack_name: str | None = None
    env_file: Path | None = None
    chosen: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def stack(self) -> "Stack | None":
        """What AWS knows of the stack that was named."""
        if self.stack_name is None:
            return None
        from cli.stack import aws, local

        return local.stack() if self.stack_name == LOCAL else aws.stack(self.stack_name)

    @cached_property
    def variables(self) -> dict[str, str]:
        """Environment variables as the functions would see them."""
        found = self._environment() if self.stack is None else self.stack.settings()
        if self.env_file is not None:
            from cli.setting_names import read

            found.update(read(self.env_file))
        for name, value in self.chosen.items():
            if value is not None:
                found[name.upper()] = str(value)
        if self.chosen.get("rules_file") is not None:
            found["RULES"] = ""
        return found

    def _environment(self) -> dict[str, str]:
        from cli.setting_names import misspelt

        for mistake in misspelt(os.environ):
            note(f"note: in the environment, {mistake}")
        return dict(os.environ)

    @cached_property
    def settings(self) -> Settings:
        """The mapping's settings. Raises `Misuse` naming the setting that cannot be read, be it one
        of delivery."""
        from cli.setting_names import OTHERS

        # A proxy of this machine's own is no setting; only what speaks to Klaviyo depends on it.
        settings = {
            name: text
            for name, text in self.variables.items()
            if not (OTHERS.search(name) and os.environ.get(name) == text)
        }
        try:
            read_delivery(settings)
            return read_settings(settings)
        except SettingError as error:
            raise Misuse(str(error)) from None

    @cached_property
    def delivery(self) -> dict[str, Any]:
        """The delivery settings that are set, by their fields. Raises `Misuse` as `settings`."""
        try:
            return read_delivery(self.variables)
        except SettingError as error:
            raise Misuse(str(error)) from None

    @cached_property
    def api_url(self) -> str:
        """Where Klaviyo is. Raises `Misuse` for what is no URL, or no proxy on the way."""
        on_the_way = ("KLAVIYO_API_URL", "HTTPS_PROXY", "https_proxy")
        given = {name: self.variables.get(name, "") for name in on_the_way}
        try:
            url: str = read_delivery(given).get("klaviyo_api_url", DEFAULT_API_URL)
        except SettingError as error:
            raise Misuse(str(error)) from None
        return url

    def private_key(self) -> str:
        """Klaviyo's key: from the stack's secret, the environment, or a prompt."""
        key = self.variables.get("KLAVIYO_PRIVATE_KEY", "").strip()
        if not key and self.stack is not None:
            key = str(self._secret.get("klaviyo_private_key") or "").strip()
            if not key:
                raise Trouble(
                    f"the stack's secret has no klaviyo_private_key: {how_to_set(self.stack_name)}"
                )
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
                raise Trouble(
                    "the stack's secret has no segment_shared_secret: "
                    f"{how_to_set(self.stack_name)}"
                )
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
        return {} if self.stack is None else self.stack.secret()


def asked(variable: str, prompt: str) -> str:
    """A secret, typed without being shown. Raises `Misuse` without a terminal."""
    if not sys.stdin.isatty():
        raise Misuse(f"{variable} is not set, and there is no terminal to ask for it")
    text: str = click.prompt(prompt, hide_input=True, err=True)
    return text


def settings_of(given: dict[str, Any]) -> dict[str, Any]:
    """Take the options of `setting_options` out of a command's parameters."""
    names = [each.name for each in declared(Settings) if each.name != IN_A_FILE]
    return {name: given.pop(name) for name in (*names, "rules_file")}
