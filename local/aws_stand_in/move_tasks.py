"""SQS's message move tasks, which moto does not have: what "redrive" means in AWS.

A WSGI application around moto's own. A task moves what is visible, at once; SQS takes its time.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html
"""

import io
import json
import time
import uuid
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from moto.sqs.models import Message, Queue

TARGET = "AmazonSQS."

Environ = dict[str, Any]
Application = Callable[[Environ, Any], Iterable[bytes]]
Json = dict[str, Any]


class TaskRefused(Exception):  # noqa: N818 - an answer
    """SQS's error code and its text."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class MoveTasks:
    """Answers `StartMessageMoveTask` and `ListMessageMoveTasks`, and passes everything else to
    `moto`."""

    def __init__(self, moto: Application) -> None:
        self._moto = moto
        self._tasks: dict[str, list[Json]] = {}
        self._actions = {"StartMessageMoveTask": self._start, "ListMessageMoveTasks": self._list}

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        """One request, by WSGI."""
        action = self._actions.get(environ.get("HTTP_X_AMZ_TARGET", "").removeprefix(TARGET))
        if action is None:
            return self._moto(environ, start_response)
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        try:
            status, document = "200 OK", action(json.loads(body))
        except TaskRefused as refused:
            code = f"com.amazonaws.sqs#{refused.code}"
            status, document = "400 Bad Request", {"__type": code, "message": str(refused)}
        start_response(status, [("Content-Type", "application/x-amz-json-1.0")])
        return [json.dumps(document).encode()]

    def _start(self, request: Json) -> Json:
        source, destination = _queue(request["SourceArn"]), _queue(request["DestinationArn"])
        if not any(other.dead_letter_queue is source for other in _neighbours(source)):
            raise TaskRefused("InvalidParameterValue", "Source queue must be a dead-letter queue.")
        moved = [message for message in source.messages if message.visible]
        for message in moved:
            source._messages.remove(message)
            destination.add_message(_as_new(message))
        task = {
            "TaskHandle": uuid.uuid4().hex,
            "Status": "COMPLETED",
            "SourceArn": request["SourceArn"],
            "DestinationArn": request["DestinationArn"],
            "ApproximateNumberOfMessagesMoved": len(moved),
            "ApproximateNumberOfMessagesToMove": len(moved),
            "StartedTimestamp": round(time.time() * 1000),
        }
        self._tasks.setdefault(request["SourceArn"], []).insert(0, task)
        return {"TaskHandle": task["TaskHandle"]}

    def _list(self, request: Json) -> Json:
        tasks = self._tasks.get(request["SourceArn"], [])[: request.get("MaxResults", 1)]
        return {
            "Results": [
                {name: value for name, value in task.items() if name != "TaskHandle"}
                for task in tasks
            ]
        }


def _as_new(message: "Message") -> "Message":
    """A moved message counts as new, with a new id and a new sending time:
    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-configure-dead-letter-queue-redrive.html
    """
    from moto.sqs.models import Message

    new = Message(str(uuid.uuid4()), message.body, message.system_attributes)
    new.message_attributes = message.message_attributes
    new.mark_sent()
    return new


def _queue(arn: str) -> "Queue":
    from moto.sqs.models import sqs_backends

    region, account, name = arn.split(":")[3:6]
    try:
        queue: Queue = sqs_backends[account][region].queues[name]
    except KeyError:
        raise TaskRefused("ResourceNotFoundException", "There is no such queue.") from None
    return queue


def _neighbours(queue: "Queue") -> "Iterable[Queue]":
    from moto.sqs.models import sqs_backends

    region, account = queue.queue_arn.split(":")[3:5]
    neighbours: Iterable[Queue] = sqs_backends[account][region].queues.values()
    return neighbours
