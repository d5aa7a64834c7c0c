"""Messages in files: JSON, JSON Lines, gzip, a folder or an S3 prefix of them, standard input.

A file is read line by line, in constant memory. Whether it is compressed, and whether it is JSON
Lines or one document, is seen in its bytes and not in its name. Segment's own archives are JSON
Lines in gzip: https://segment.com/docs/connections/storage/catalog/amazon-s3/.
"""

import gzip
import io
import json
import os
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from cli.troubles import Misuse, Trouble
from handler.door.body import Unreadable, read_values
from handler.door.elements import JSON_SPACE, array_elements
from handler.door.refusals import Refusal
from handler.door.request import WebhookRequest
from operations import Json

STDIN = "-"
S3 = "s3://"

LONGEST_LINE = 16 * 1024 * 1024
"""Bytes. Segment's messages have 32 KB at most, a webhook's batch 4 MB."""

LARGEST_DOCUMENT = 64 * 1024 * 1024
"""Bytes of a file that is one JSON document, which has to be held as a whole."""

_GZIP = b"\x1f\x8b"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Source:
    """One file or S3 object. `size` is in bytes as stored; `version` changes with the content."""

    name: str
    size: int
    version: str
    open: Callable[[], IO[bytes]]


@dataclass(frozen=True, slots=True)
class Record:
    """What stands at one place of a file: a line of JSON Lines, or an element of an array.

    `number` counts from 1. `problem` says why `text` cannot be read at all.
    """

    number: int
    text: bytes
    problem: str | None = None

    def messages(self) -> list[Json | Unreadable]:
        """The JSON values in it. Raises `Refusal` saying why it holds none.

        An array is a batch; an event of an HTTP API (as those of `events/`) counts as its body.
        """
        values = list(read_values(self.text))
        if len(values) == 1 and isinstance(values[0], dict) and _is_http_event(values[0]):
            return list(read_values(WebhookRequest.from_lambda_event(values[0]).body))
        return values


def _is_http_event(value: dict[str, Any]) -> bool:
    return "body" in value and "headers" in value and "type" not in value


def expand(arguments: Iterable[str], *, stdin: bool = False) -> list[Source]:
    """The files that the arguments name, folders and S3 prefixes in the order of their names.

    Raises `Misuse` for one that names nothing, and for `-` where `stdin` is false.
    """
    sources: list[Source] = []
    for argument in arguments:
        if argument == STDIN:
            if not stdin:
                raise Misuse("standard input cannot be read twice: put it into a file first")
            sources.append(Source("standard input", 0, "", lambda: sys.stdin.buffer))
        elif argument.startswith(S3):
            sources.extend(_objects(argument))
        else:
            sources.extend(_files(Path(argument)))
    return sources


def records(stream: IO[bytes], skip: int = 0) -> Iterator[Record]:
    """What the stream holds, without the first `skip` places. Raises `Trouble` when it breaks off.

    Blank lines hold nothing and keep their number.
    """
    text = _decompressed(stream)
    try:
        yield from _records(text, skip)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise Trouble(
            "the gzip data breaks off or is damaged; was the file copied whole? "
            f"({type(error).__name__})"
        ) from None


def _records(text: IO[bytes], skip: int) -> Iterator[Record]:
    head = [_line(text), _line(text)]
    head[0] = head[0].removeprefix(_BYTE_ORDER_MARK)
    if _is_one_document(*head):
        whole = b"".join(head) + text.read(LARGEST_DOCUMENT + 1)
        yield from (record for record in _elements(whole) if record.number > skip)
        return
    for number, line in enumerate(_lines(head, text), start=1):
        if number <= skip or line.isspace():
            continue
        if len(line) > LONGEST_LINE:
            yield Record(number, line[:1000], f"the line is longer than {LONGEST_LINE:,} bytes")
        else:
            yield Record(number, line)


def _decompressed(stream: IO[bytes]) -> IO[bytes]:
    buffered = stream if isinstance(stream, io.BufferedReader) else io.BufferedReader(stream)  # type: ignore[type-var]
    if buffered.peek(2)[:2] == _GZIP:
        return io.BufferedReader(gzip.GzipFile(fileobj=buffered))
    return buffered


def _line(text: IO[bytes]) -> bytes:
    """The next line. Of one that is too long, enough to tell; the rest is skipped."""
    line = text.readline(LONGEST_LINE + 2)
    rest = line
    while len(rest) == LONGEST_LINE + 2 and not rest.endswith(b"\n"):
        rest = text.readline(LONGEST_LINE + 2)
    return line


def _lines(head: Iterable[bytes], text: IO[bytes]) -> Iterator[bytes]:
    yield from (line for line in head if line)
    while line := _line(text):
        yield line


def _is_one_document(first: bytes, second: bytes) -> bool:
    """Whether the lines belong together: neither the first nor the second one is whole."""
    if first.strip(JSON_SPACE) in (b"[", b"{"):
        return True
    return first.startswith((b"[", b"{")) and not (_is_whole(first) or _is_whole(second))


def _is_whole(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict | list)
    except RecursionError:
        return True
    except ValueError:
        return False


def _elements(whole: bytes) -> Iterator[Record]:
    if len(whole) > LARGEST_DOCUMENT:
        raise Trouble(
            f"the file is one JSON document of more than {LARGEST_DOCUMENT:,} bytes. "
            "Make it JSON Lines: jq -c '.[]' FILE"
        )
    if not whole.lstrip(JSON_SPACE).startswith(b"["):
        yield Record(1, whole)
        return
    number = 0
    try:
        for number, element in enumerate(array_elements(whole), start=1):
            yield Record(number, element)
    except ValueError as error:
        yield Record(number + 1, b"", f"not JSON: {error}")


def _files(path: Path) -> Iterator[Source]:
    if path.is_dir():
        found = sorted(
            each
            for each in path.rglob("*")
            if each.is_file()
            and not any(part.startswith(".") for part in each.relative_to(path).parts)
        )
        if not found:
            raise Misuse(f"{path}: there is no file in the folder")
    elif path.exists():
        found = [path]
    else:
        raise Misuse(f"{path}: there is no such file or folder")
    for each in found:
        facts = each.stat()
        yield Source(str(each), facts.st_size, str(facts.st_mtime_ns), _opener(each))


def _opener(path: Path) -> Callable[[], IO[bytes]]:
    def open_file() -> IO[bytes]:
        try:
            return path.open("rb")
        except OSError as error:
            raise Trouble(f"{path}: cannot be read ({error.strerror})") from None

    return open_file


def _objects(url: str) -> Iterator[Source]:
    """The objects below an S3 prefix, or the one of that very key.

    Each is copied to a temporary file before it is read: S3 would cut the connection while the run
    waits for Klaviyo's limits.
    """
    from cli.stack.aws import client, reaching

    bucket, _, prefix = url.removeprefix(S3).partition("/")
    if not bucket:
        raise Misuse(f"{url}: expected s3://bucket/prefix")
    s3 = client("s3")

    def opener(key: str) -> Callable[[], IO[bytes]]:
        def copy() -> IO[bytes]:
            with tempfile.TemporaryFile() as file:
                with reaching(url):
                    s3.download_fileobj(bucket, key, file)
                file.seek(0)
                return io.BufferedReader(io.FileIO(os.dup(file.fileno())))

        return copy

    found = False
    with reaching(url):
        pages = list(s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix))
    for page in pages:
        for entry in page.get("Contents", ()):
            key = entry["Key"]
            if key.endswith("/"):
                continue
            found = True
            name = f"{S3}{bucket}/{key}"
            yield Source(name, entry["Size"], entry["ETag"].strip('"'), opener(key))
    if not found:
        raise Misuse(f"{url}: there is no object with this prefix")


def read_whole(name: str) -> bytes:
    """A file, or standard input for `-`, as it is. Raises `Misuse` or `Trouble`."""
    (source,) = expand([name], stdin=True)[:1]
    with source.open() as stream:
        return stream.read()


def all_records(arguments: Iterable[str]) -> Iterator[tuple[Source, Record]]:
    """Every record of every source, standard input allowed."""
    for source in expand(arguments, stdin=True):
        with source.open() as stream:
            try:
                for record in records(stream):
                    yield source, record
            except Trouble as trouble:
                raise Trouble(f"{source.name}: {trouble}") from None


def refusal_of(record: Record) -> str | None:
    """Why a record holds no messages, or `None` when it does."""
    if record.problem is not None:
        return record.problem
    try:
        record.messages()
    except Refusal as refusal:
        return str(refusal)
    return None
