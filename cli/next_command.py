"""The commands to run next, written so that they can be pasted as they are."""

import os
import re
import shlex
import shutil
import sys
from pathlib import Path

NAME = "klaviyo-destination"

LOCAL = "--local"
"""Stands where the name of a stack would: `make run` on this machine."""

OF_SOME_STACK = re.compile(rf"`{NAME} ([a-z ]+) --stack NAME([^`]*)`")

OF_A_RUN = ("RUN_FOLDER", "PORT")
"""Variables in front of a command with `--local` that say which run is meant."""


def next_command(verb: str, stack_name: str | None, *arguments: str) -> str:
    """A command of ours, aimed at the stack that this one was aimed at, in backticks.

    `stack_name` is that of `--stack`, `LOCAL`, or `None` for the environment.
    """
    words = [called(), verb]
    if stack_name == LOCAL:
        given = ((name, os.environ.get(name, "").strip()) for name in OF_A_RUN)
        words[:0] = [f"{name}={shlex.quote(text)}" for name, text in given if text]
        words.append(LOCAL)
    elif stack_name is not None:
        words += ["--stack", shlex.quote(stack_name)]
    return f"`{' '.join((*words, *map(shlex.quote, arguments)))}`"


def aimed(remedy: str, stack_name: str | None) -> str:
    """A remedy of the functions, which do not know the stack's name, with its command aimed.

    Without a stack, its name is left to be filled in.
    """
    if stack_name is None:
        return remedy.replace(f"`{NAME} ", f"`{called()} ")
    return OF_SOME_STACK.sub(
        lambda found: next_command(found[1], stack_name, *found[2].split()), remedy
    )


def how_to_set(stack_name: str | None) -> str:
    """What sets the secret's fields."""
    if stack_name == LOCAL:
        return "set KLAVIYO_PRIVATE_KEY and SEGMENT_SHARED_SECRET here as `make run` has them"
    if stack_name is None:
        return "set KLAVIYO_PRIVATE_KEY and SEGMENT_SHARED_SECRET, or name a stack"
    return f"run {next_command('secret set', stack_name)}"


def called() -> str:
    """This command as it was called: its name where the `PATH` has it, else the path to it."""
    path = Path(sys.argv[0])
    if path.name != NAME:
        return NAME
    found = shutil.which(NAME)
    is_found = found is not None and path.exists() and Path(found).samefile(path)
    return NAME if is_found else shlex.quote(str(path))
