"""The command and its verbs: which module holds each, and how all of them end."""

import importlib
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from cli.next_command import NAME
from cli.terminal import complain
from cli.troubles import Status, Trouble

COMMANDS = {
    "preview": "Show what messages become in Klaviyo. Nothing is sent.",
    "secret": "Set or rotate Klaviyo's key and the secrets that Segment sends.",
    "connect": "Create or update the webhook in Segment.",
    "send": "Post messages to the webhook, signed as Segment signs them.",
    "rehearse": "Prove a deployment with one made-up person, read back from Klaviyo.",
    "verify": "Explain why a captured request's signature does or does not match.",
    "doctor": "Check settings, secret, key, lists and queues.",
    "pause": "Keep everything on the queue, and deliver nothing.",
    "resume": "End a pause: what has waited is delivered.",
    "dlq": "List, show, export, edit, redrive or purge the dead-letter queue.",
    "trace": "Tell what happened to a message, or to a person's messages.",
    "compare": "Say what an archive would change in a Klaviyo account. Nothing is sent.",
    "backfill": "Load an archive's messages into Klaviyo, without starting flows.",
}
"""Each verb and its one line of help; `cli.commands` has a module of its name."""

EPILOG = """\b
Exit status:
  0    done, no problem found
  1    done, a problem was found: a rejection, a wrong signature, a fault in the set-up
  2    called wrongly; nothing was done
  3    not finished: something is out of reach, or refused as a whole; run it again
  4    a fault of the command itself
  130  interrupted by Ctrl-C

\b
Completion (bash; zsh and fish alike), in ~/.bashrc:
  eval "$(_KLAVIYO_DESTINATION_COMPLETE=bash_source klaviyo-destination)"
"""


class CommandLine(click.Group):
    """Loads a verb when it is called, and turns every error into one line and an exit status."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """The verbs, in the order of help."""
        return list(COMMANDS)

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The verb's command."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"cli.commands.{cmd_name}")
        found: click.Command = module.command
        return found

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of verbs, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run and exit with the status. A verb's callback returns its status, or raises."""
        try:
            status = super().main(args, prog_name or NAME, complete_var, False, **extra)
        except click.exceptions.Exit as end:
            status = end.exit_code
        except click.UsageError as error:
            error.show()
            status = Status.USAGE
        except click.ClickException as error:
            complain(error.format_message())
            status = Status.USAGE
        except Trouble as trouble:
            complain(str(trouble))
            status = trouble.status
        except (KeyboardInterrupt, click.Abort):
            complain("interrupted")
            status = Status.INTERRUPTED
        except BrokenPipeError:
            # The reader of the output has left (`| head`): there is nobody to tell.
            sys.stdout = None
            status = Status.OK
        except OSError as error:
            complain(f"{error.filename or 'a file'}: {error.strerror or type(error).__name__}")
            status = Status.UNFINISHED
        except Exception as error:
            complain(_fault(error))
            status = Status.FAULT
        if not standalone_mode:
            return status
        sys.exit(int(status or 0))


def _fault(error: Exception) -> str:
    """The error's type and place. Its text is left out, since it could quote personal data."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{Path(place.filename).name}:{place.lineno}"
    return f"a fault of the command itself: {type(error).__name__} at {where}. Please report it."


@click.command(
    NAME,
    cls=CommandLine,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name=NAME, prog_name=NAME)
def command() -> None:
    """The Klaviyo destination for Segment, from the terminal.

    Secrets come from the environment (SEGMENT_SHARED_SECRET, KLAVIYO_PRIVATE_KEY), from the stack's
    secret (--stack) or from a prompt. Colours appear on a terminal only, and not with NO_COLOR.
    """


def run() -> None:
    """The entry of the installed command. SIGTERM ends it as Ctrl-C does.

    It ends at once, without waiting for requests that are under way.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        command()
    except SystemExit as end:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, AttributeError):
                stream.flush()
        os._exit(int(end.code or 0))
