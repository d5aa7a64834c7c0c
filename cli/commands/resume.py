"""`resume`: ends a pause."""

import click

from cli import terminal as console
from cli.options import required_stack_option
from cli.troubles import Status

EPILOG = """\b
Examples:
  klaviyo-destination resume --stack klaviyo-destination

\b
What has waited is delivered in bulk jobs. The time of the pause
does not count as time of trying. Takes about a minute: it changes the stack's parameter Pause.
"""


@click.command("resume", epilog=EPILOG)
@required_stack_option
def command(stack_name: str) -> int:
    """End a pause: deliver what waits on the queue, and what comes."""
    from cli.stack.pausing import change

    def begin() -> None:
        console.note(f"Resuming {stack_name}; about a minute …")

    if change(stack_name, "off", begin):
        console.say(f"{stack_name} delivers again. The backlog leaves in bulk jobs.")
    else:
        console.say(f"{stack_name} was not paused.")
    return Status.OK
