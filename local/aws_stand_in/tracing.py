"""The X-Ray header of an SQS message, in which Lambda counts invocations.

SQS keeps a request's header `X-Amzn-Trace-Id` as the message's system attribute `AWSTraceHeader`:
https://docs.aws.amazon.com/xray/latest/devguide/xray-services-sqs.html
In its field `Lineage`, Lambda counts how often a chain of requests has invoked a function. botocore
forwards what Lambda puts into `_X_AMZN_TRACE_ID`. After 16 invocations Lambda no longer invokes the
function, and the message stays in the queue until SQS dead-letters it:
https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html
https://aws.amazon.com/blogs/compute/detecting-and-stopping-recursive-loops-in-aws-lambda-functions/
"""

import io
import json
import re
import uuid
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

MOST_INVOCATIONS = 16
"""The most invocations of a function in one chain of requests. Lambda stops the next one."""

SEND = "AmazonSQS.SendMessage"

SERIALIZATION = "com.amazon.coral.service#SerializationException"
"""AWS's code for a body that is no JSON."""

Environ = dict[str, Any]
Application = Callable[[Environ, Any], Iterable[bytes]]


@dataclass(frozen=True, slots=True)
class InvocationTrace:
    """An invocation's header, and its number in the chain, counted from 1."""

    header: str
    invocation: int


def trace_of(lambda_event: Any, function: str) -> InvocationTrace:
    """The trace of an invocation that this event causes.

    AWS does not say which chain counts for a batch of several; here it is the longest. AWS does not
    document the field either, so its form follows headers that were observed:
    `Lineage=1:fe460cdd:0`.
    """
    name = f"{zlib.crc32(function.encode()):08x}"
    records = lambda_event.get("Records") if isinstance(lambda_event, Mapping) else None
    headers = [
        str(record.get("attributes", {}).get("AWSTraceHeader", ""))
        for record in (records if isinstance(records, list) else ())
        if isinstance(record, dict)
    ]
    before = max((_invocations(header, name) for header in headers), default=0)
    root = uuid.uuid4().hex
    header = (
        f"Root=1-{root[:8]}-{root[8:]};Parent={uuid.uuid4().hex[:16]};Sampled=0;"
        f"Lineage=1:{name}:{before + 1}"
    )
    return InvocationTrace(header, before + 1)


def _invocations(header: str, name: str) -> int:
    found = re.search(rf"Lineage=(?:.*\|)?1:{name}:(\d+)", header)
    return int(found[1]) if found else 0


class TraceHeaders:
    """Keeps the header of `SendMessage` with the message in moto's queues, as SQS does."""

    def __init__(self, moto: Application) -> None:
        self._moto = moto

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        """One request, by WSGI."""
        header = environ.get("HTTP_X_AMZN_TRACE_ID")
        if header and environ.get("HTTP_X_AMZ_TARGET") == SEND:
            try:
                body = json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
            except ValueError:  # a sender was stopped while it wrote
                start_response("400 Bad Request", [("Content-Type", "application/x-amz-json-1.0")])
                return [json.dumps({"__type": SERIALIZATION}).encode()]
            # The attribute counts more than the header, where a sender sets both.
            attributes = body.setdefault("MessageSystemAttributes", {})
            attributes.setdefault(
                "AWSTraceHeader", {"DataType": "String", "StringValue": str(header)}
            )
            text = json.dumps(body).encode()
            environ["wsgi.input"] = io.BytesIO(text)
            environ["CONTENT_LENGTH"] = str(len(text))
        return self._moto(environ, start_response)
