"""`verify`: why a captured request's signature does or does not match."""

import json
from typing import Any

import click

from cli import terminal as console
from cli.options import CommandContext, json_option, shared_secret_option, stack_option
from cli.troubles import Misuse, Status

EPILOG = """\b
Examples:
  klaviyo-destination verify body.json --signature 5d61605c3feea9799210ddcb71307d4ba264225f
  klaviyo-destination verify --stack klaviyo-destination events/wrong-signature.json
  cat body.json | SEGMENT_SHARED_SECRET=… klaviyo-destination verify - --signature "$SIGNATURE"

\b
FILE is the body, byte by byte as it came; or the event of an HTTP API (such as the functions' test
events), which contains the header. The secret comes from SEGMENT_SHARED_SECRET, the stack's
secret or a prompt. With --json: {"matches", "signed" (body, first_element, null), "causes":
[{"code", "meaning", "remedy"}], "body_bytes"}. Exit status: 0 it matches, 1 it does not.
"""


@click.command("verify", epilog=EPILOG)
@click.argument("file", metavar="FILE|-")
@click.option("--signature", metavar="TEXT", help="The value of the header X-Signature.")
@shared_secret_option
@stack_option
@json_option
def command(
    file: str, signature: str | None, secret: str | None, stack_name: str | None, as_json: bool
) -> int:
    """Explain why a captured request's signature does or does not match, and what to do."""
    from cli.archive import read_whole
    from cli.segment.forensics import examine

    body = read_whole(file)
    found = _http_event(body)
    if found is not None:
        body, of_event = found
        signature = signature or of_event
    elif signature is None:
        raise Misuse("--signature: expected the value of the header X-Signature")
    secrets = CommandContext(stack_name).shared_secrets(secret)
    finding = examine(body, signature, secrets)
    if as_json:
        causes = [
            {"code": cause.code, "meaning": cause.meaning, "remedy": cause.remedy}
            for cause in finding.causes
        ]
        document = {"matches": finding.matches, "signed": finding.signed, "causes": causes}
        console.write_json({**document, "body_bytes": len(body)})
    else:
        part = {"body": "the whole body", "first_element": "the first message of the batch"}
        if finding.matches:
            said = f"It is signed over {part[finding.signed or 'body']}."
            console.say(console.painted("It matches.", console.GOOD), said)
        else:
            console.say(console.painted("It does not match.", console.BAD))
        for cause in finding.causes:
            console.say(f"  {cause.meaning}")
            console.say(f"  → {cause.remedy}")
        console.note(f"The body has {len(body):,} bytes.")
    return Status.OK if finding.matches else Status.PROBLEMS


def _http_event(content: bytes) -> tuple[bytes, str | None] | None:
    """Body and signature of an HTTP API's event; `None` when the content is something else."""
    from handler.door.refusals import Refusal
    from handler.door.request import WebhookRequest, as_bytes

    try:
        document: Any = json.loads(content)
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict) or not {"body", "headers"} <= document.keys():
        return None
    try:
        request = WebhookRequest.from_lambda_event(document)
    except Refusal as refusal:
        raise Misuse(str(refusal)) from None
    return as_bytes(request.body), request.signature
