"""`send`: posts messages to the webhook, signed as Segment signs them, and shows its answers."""

import json
import uuid
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from cli import terminal as console
from cli.next_command import aimed, next_command
from cli.options import CommandContext, json_option, shared_secret_option, stack_option
from cli.troubles import Misuse, Status, Trouble
from handler.aws.environment import is_url

if TYPE_CHECKING:
    from cli.segment.webhook import Webhook, WebhookAnswer

EPILOG = """\b
Examples:
  klaviyo-destination send --stack klaviyo-destination --test-event you@your-company.com
  klaviyo-destination send --local events/order-completed.json
  SEGMENT_SHARED_SECRET=… klaviyo-destination send messages.jsonl --url https://hooks.example/segment
  klaviyo-destination send --single --stack klaviyo-destination-dev events/batch.json

\b
One message is posted as an object. Several are posted as arrays of --batch-size; as Segment does,
only the first element is signed. The secret comes from SEGMENT_SHARED_SECRET, the stack's secret or
a prompt. If a token is required, it comes from WEBHOOK_TOKEN or the stack's secret.

\b
With --json, for each request one line: {"status", "milliseconds", "messages", "answer"}.
Exit status: 0 all accepted, 1 something was rejected or refused, or the test event dropped, 3 not
accepted (Segment would retry it).
"""


@click.command("send", epilog=EPILOG)
@click.argument("files", nargs=-1, metavar="FILE|-...")
@click.option("--url", help="The webhook's URL, if not the stack's.")
@click.option(
    "--test-event", metavar="ADDRESS", help='Send one event "Test Event" of this e-mail address.'
)
@click.option(
    "--batch-size",
    type=click.IntRange(1, 4_000),
    default=1_000,
    show_default=True,
    help="Messages in a request.",
)
@click.option("--single", is_flag=True, help="One request for each message.")
@shared_secret_option
@stack_option
@json_option
def command(
    files: tuple[str, ...],
    url: str | None,
    test_event: str | None,
    batch_size: int,
    single: bool,
    secret: str | None,
    stack_name: str | None,
    as_json: bool,
) -> int:
    """Post messages to the webhook, signed as Segment signs them, and show each answer."""
    from cli.segment.webhook import Webhook

    if bool(files) == bool(test_event):
        raise Misuse("name files, or --test-event with an address")
    context = CommandContext(stack_name)
    if url is None:
        if context.stack is None:
            raise Misuse("name the webhook: --stack NAME, --local or --url URL")
        url = context.stack.output("WebhookUrl")
    elif not is_url(url):
        raise Misuse("--url: expected a valid URL that begins with https:// or http://")
    values = iter([_test_event(test_event)]) if test_event else _values(files, stack_name)
    try:
        first = next(values, None)
    except _NoMessage as error:
        raise Misuse(f"{error}. Nothing was sent") from None
    if first is None:
        raise Misuse("the input has no messages")
    webhook = Webhook(url, context.shared_secrets(secret)[0], context.webhook_token())
    post = _Post(webhook, stack_name, as_json)
    try:
        for body, number in _bodies(first, values, 1 if single else batch_size):
            post.send(body, number)
    except _NoMessage as error:
        sent = console.counted(post.messages, "message")
        raise Trouble(f"{error}. {sent} before it were sent") from None
    if test_event and post.dropped:
        return Status.PROBLEMS
    return post.status


class _NoMessage(Trouble):
    """A place of the input holds nothing that the webhook takes."""


def _test_event(address: str) -> str:
    from klaviyo_mapping.identity.email import as_email

    if as_email(address) is None:
        raise Misuse("--test-event: expected an e-mail address, such as you@your-company.com")
    message = {
        "type": "track",
        "messageId": f"test-{uuid.uuid4()}",
        "userId": "test",
        "event": "Test Event",
        "properties": {},
        "context": {"traits": {"email": address}},
        "timestamp": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    return json.dumps(message, ensure_ascii=False)


def _values(files: Sequence[str], stack_name: str | None) -> Iterator[str]:
    """Each message as JSON."""
    from cli.archive import all_records
    from cli.contents import problem_of
    from handler.door.body import Unreadable
    from handler.door.refusals import Refusal
    from operations import Operation

    for source, record in all_records(files):
        place = f"{source.name}, line {record.number}"
        try:
            values = record.contents()
        except Refusal as refusal:
            said = problem_of(record, refusal).removesuffix(".")
            raise _NoMessage(f"{place}: {said}") from None
        for value in values:
            if isinstance(value, Unreadable):
                yield value.text
            elif isinstance(value, Operation):
                raise _NoMessage(
                    f"{place}: a queue's entry that is no message any more; "
                    f"{next_command('backfill', stack_name, source.name)} delivers it"
                )
            else:
                yield json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _bodies(first: str, others: Iterator[str], size: int) -> Iterator[tuple[bytes, int]]:
    """Request bodies, and how many messages each holds: a single one is an object, else arrays."""
    batch = [first, *islice(others, size - 1)]
    is_alone = len(batch) == 1
    while batch:
        text = batch[0] if is_alone or size == 1 else f"[{','.join(batch)}]"
        yield text.encode(errors="replace"), len(batch)
        batch = list(islice(others, size))
        is_alone = False


class _Post:
    """Posts bodies in order, shows the answers, and keeps the worst status."""

    def __init__(self, webhook: "Webhook", stack_name: str | None, as_json: bool) -> None:
        self._webhook = webhook
        self._stack_name = stack_name
        self._as_json = as_json
        self.status = Status.OK
        self.messages = 0
        self.dropped = 0

    def send(self, body: bytes, number: int) -> None:
        """Post one body. Raises `Trouble` when there is no answer."""
        answer = self._webhook.post(body)
        self.messages += number
        self._judge(answer)
        self._show(answer, number)

    def _judge(self, answer: "WebhookAnswer") -> None:
        worst = Status.OK
        if not answer.is_accepted:
            again = answer.status >= 500 or answer.status in (408, 423, 429)
            worst = Status.UNFINISHED if again else Status.PROBLEMS
        elif answer.count("rejected"):
            worst = Status.PROBLEMS
        self.dropped += answer.count("dropped")
        self.status = max(self.status, worst)

    def _show(self, answer: "WebhookAnswer", number: int) -> None:
        if self._as_json:
            document = {
                "status": answer.status,
                "milliseconds": answer.milliseconds,
                "messages": number,
                "answer": answer.document,
            }
            console.write_json_line(document)
            return
        style = console.GOOD if answer.is_accepted else console.BAD
        counted = console.counted(number, "message")
        said = f"{answer.milliseconds} ms  {counted}: {answer.in_words()}"
        console.say(console.painted(str(answer.status), style), said)
        for line in _exceptions(answer.document):
            console.say(f"     {line}")
        for line in _advice(answer.document):
            console.say(aimed(line, self._stack_name))
        if answer.status == 401:
            console.note(
                "The webhook has another secret than the one used here: check the stack's secret "
                "and SEGMENT_SHARED_SECRET."
            )


def _exceptions(answer: Any) -> Iterator[str]:
    """A line for each message that was not simply delivered."""
    listed = answer.get("messages") if isinstance(answer, dict) else None
    for message in listed if isinstance(listed, list) else ():
        if not isinstance(message, dict):
            continue
        parts = [message.get("reason"), message.get("field"), message.get("detail")]
        why = ": ".join(str(part) for part in parts if part)
        why = why or ", ".join(map(str, message.get("warnings") or ()))
        yield f"{message.get('message_id') or '(no id)'}  {message.get('outcome')}  {why}"


def _advice(answer: Any) -> Iterator[str]:
    """What each reason and warning means, and what to do."""
    from preview import ADVICE

    listed = answer.get("messages") if isinstance(answer, dict) else None
    codes: dict[str, None] = {}
    for message in listed if isinstance(listed, list) else ():
        if isinstance(message, dict):
            named = (message.get("reason"), *(message.get("warnings") or ()))
            codes.update((code, None) for code in named if isinstance(code, str))
    for code in codes:
        if code in ADVICE:
            yield f"{code}: {ADVICE[code].meaning} {ADVICE[code].remedy}"
