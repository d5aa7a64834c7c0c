"""`dlq`: list, show, export, edit, redrive and purge the dead-letter queue."""

import click

from cli.commands.dlq.correcting import edit_letters
from cli.commands.dlq.looking import export, list_letters, show
from cli.commands.dlq.taking import purge, redrive

EPILOG = """\b
Examples:
  klaviyo-destination dlq list --stack klaviyo-destination
  klaviyo-destination dlq show --stack klaviyo-destination --reason refused
  klaviyo-destination dlq export --stack klaviyo-destination letters.jsonl
  klaviyo-destination dlq redrive --stack klaviyo-destination --reason retries_exhausted --dry-run
  klaviyo-destination dlq purge --stack klaviyo-destination --message-id msg-17
  klaviyo-destination dlq list --local

\b
The queue is the stack's (--stack), that of `make run` (--local), --queue-url, or
DEAD_LETTER_QUEUE_URL. An SQS message holds many entries, each with its own reason;
docs/answers-and-reasons.md explains them, docs/command-line.md what an export is good for.
"""


@click.group("dlq", epilog=EPILOG)
def command() -> None:
    """List, show, export, edit, redrive or purge the dead-letter queue."""


for verb in (list_letters, show, export, redrive, edit_letters, purge):
    command.add_command(verb)
