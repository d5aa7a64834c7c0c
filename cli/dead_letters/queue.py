"""The dead-letter queue: read it, redrive and delete its entries.

`handler.queue.envelope` says what an SQS message holds. Messages that are read are hidden from
other readers for the time, and visible again at the end; reading loses no message.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from cli.dead_letters.entries import Letter, Selection
from cli.stack.aws import client, reaching
from cli.troubles import Misuse, Trouble
from handler.queue.envelope import Entry
from handler.queue.queues import Queue, QueueUnavailable
from handler.queue.unpacking import unpack

HIDDEN_SECONDS = 300
"""Seconds for which SQS hides a message after it was read."""

LOOK_SECONDS = 1
"""Seconds of long polling. A short poll asks only some of SQS's servers."""

A_CALL = 10
"""Messages in one call to SQS."""


class DeadLetterQueue:
    """The queue at `url`. Raises `Trouble` and `Misuse` for what AWS says.

    `look_seconds` is how long SQS may look for messages before it says that there are none.
    """

    def __init__(self, url: str, look_seconds: int = LOOK_SECONDS) -> None:
        if not url.startswith(("https://", "http://")):
            raise Misuse("--queue-url: expected the queue's URL, https://sqs.…")
        self.url = url
        self._look_seconds = look_seconds
        self._sqs = client("sqs")
        self._held: dict[str, str] = {}

    def size(self) -> int:
        """About how many SQS messages it holds, hidden ones included."""
        names = [
            "ApproximateNumberOfMessages",
            "ApproximateNumberOfMessagesNotVisible",
            "ApproximateNumberOfMessagesDelayed",
        ]
        return sum(int(self._attributes(self.url, *names)[name]) for name in names)

    def kept(self) -> timedelta:
        """How long SQS keeps a message after it was sent. One that SQS moves here, because the
        retry function failed on it too often, keeps the time at which it was sent to the retry
        queue: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/setting-up-dead-letter-queue-retention.html
        """
        name = "MessageRetentionPeriod"
        return timedelta(seconds=int(self._attributes(self.url, name)[name]))

    def arn(self, url: str | None = None) -> str:
        """The ARN of this queue, or of another one."""
        return self._attributes(url or self.url, "QueueArn")["QueueArn"]

    def is_at(self, url: str) -> bool:
        """Whether it is the queue at this URL, which may be written in another way."""
        return url == self.url or self.arn(url) == self.arn()

    def retry_queue_url(self) -> str:
        """The queue whose dead letters it takes. Raises `Trouble` when there is not just one."""
        with reaching("the dead-letter queue"):
            found = self._sqs.list_dead_letter_source_queues(QueueUrl=self.url)["queueUrls"]
        if len(found) != 1:
            raise Trouble(
                f"{len(found)} queues have this one as their dead-letter queue, expected one: name "
                "the retry queue with --retry-queue-url"
            )
        return str(found[0])

    def _attributes(self, url: str, *names: str) -> dict[str, str]:
        with reaching("the queue"):
            answer = self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=list(names))
        found: dict[str, str] = answer["Attributes"]
        return found

    @contextmanager
    def letters(self) -> Iterator[Iterator[Letter]]:
        """Each message once. At the end those that were not deleted are shown to others again."""
        self._held = {}
        try:
            yield self._receive()
        finally:
            self._release(list(self._held.values()))

    def _receive(self) -> Iterator[Letter]:
        while True:
            with reaching("the dead-letter queue"):
                answer = self._sqs.receive_message(
                    QueueUrl=self.url,
                    MaxNumberOfMessages=A_CALL,
                    VisibilityTimeout=HIDDEN_SECONDS,
                    WaitTimeSeconds=self._look_seconds,
                    AttributeNames=["SentTimestamp"],
                )
            received = answer.get("Messages", [])
            new = [each for each in received if each["MessageId"] not in self._held]
            self._held.update((each["MessageId"], each["ReceiptHandle"]) for each in received)
            for each in new:
                sent_at = int(each.get("Attributes", {}).get("SentTimestamp", 0)) / 1000
                yield Letter(
                    each["MessageId"],
                    each["ReceiptHandle"],
                    datetime.fromtimestamp(sent_at, UTC),
                    tuple(unpack(each["Body"])),
                )
            if not new:
                return

    def _release(self, receipts: list[str]) -> None:
        """Best effort: what cannot be shown again now is shown when its time is up."""
        from botocore.exceptions import BotoCoreError, ClientError

        for start in range(0, len(receipts), A_CALL):
            entries = [
                {"Id": str(number), "ReceiptHandle": receipt, "VisibilityTimeout": 0}
                for number, receipt in enumerate(receipts[start : start + A_CALL])
            ]
            with suppress(BotoCoreError, ClientError):
                self._sqs.change_message_visibility_batch(QueueUrl=self.url, Entries=entries)

    def take(
        self, selection: Selection, keep: Callable[[list[Entry]], None], *, dry_run: bool
    ) -> int:
        """Take the selected entries out, after `keep` has them; returns how many there were.

        What else a message holds is put back before the message is deleted: an interruption may
        double an entry, and loses none.
        """
        taken = 0
        rest_queue = Queue(self.url)
        with self.letters() as letters:
            for letter in letters:
                chosen = [entry for entry in letter.entries if selection.holds(entry)]
                taken += len(chosen)
                if not chosen or dry_run:
                    continue
                rest = [entry for entry in letter.entries if not selection.holds(entry)]
                keep(chosen)
                if rest:
                    put(rest_queue, rest)
                with reaching("the dead-letter queue"):
                    self._sqs.delete_message(QueueUrl=self.url, ReceiptHandle=letter.receipt)
                del self._held[letter.message_id]
        return taken

    def move_all(self, retry_queue_url: str) -> str:
        """Start SQS's own move task; returns the ARN by which to ask for it.

        https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html
        """
        source, destination = self.arn(), self.arn(retry_queue_url)
        with reaching("the redrive"):
            self._sqs.start_message_move_task(SourceArn=source, DestinationArn=destination)
        return source

    def moved(self, source_arn: str) -> dict[str, Any]:
        """The newest move task: its `Status`, and `ApproximateNumberOfMessagesMoved`."""
        with reaching("the redrive"):
            found = self._sqs.list_message_move_tasks(SourceArn=source_arn, MaxResults=1)
        tasks: list[dict[str, Any]] = found.get("Results", [])
        return tasks[0] if tasks else {}

    def purge(self) -> None:
        """Delete everything. SQS takes up to a minute, and does it once a minute."""
        with reaching("the purge"):
            self._sqs.purge_queue(QueueUrl=self.url)


def put(queue: Queue, entries: list[Entry]) -> None:
    """Put entries on a queue. Raises `Trouble` unless all are safely there."""
    try:
        receipt = queue.send(entries)
    except QueueUnavailable as error:
        raise Trouble(f"the queue did not accept the entries ({error}); none was lost") from None
    if receipt.unfit:
        raise Trouble("an entry is larger than SQS accepts; none was lost")
