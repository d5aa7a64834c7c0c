"""`pause`: everything is kept on the retry queue, nothing is delivered."""

import click

from cli import terminal as console
from cli.next_command import next_command
from cli.options import required_stack_option
from cli.troubles import Status

EPILOG = """\b
Examples:
  klaviyo-destination pause --stack klaviyo-destination

\b
The webhook goes on answering 200, and Segment notices nothing. SQS keeps what waits for 14 days.
Takes about a minute: it changes the stack's parameter Pause. `klaviyo-destination resume` ends it.
"""


@click.command("pause", epilog=EPILOG)
@required_stack_option
def command(stack_name: str) -> int:
    """Accept everything and keep it on the queue; deliver nothing until `resume`."""
    from cli.stack.pausing import change

    def begin() -> None:
        console.note(f"Pausing {stack_name}; about a minute …")

    if change(stack_name, "on", begin):
        console.say(
            f"{stack_name} is paused. It accepts everything and delivers nothing, until "
            f"{next_command('resume', stack_name)}."
        )
    else:
        console.say(f"{stack_name} was paused already.")
    return Status.OK
