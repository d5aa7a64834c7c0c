"""Messages in files: JSON, JSON Lines, gzip, a folder or an S3 prefix of them, standard input.

A file is read line by line, in constant memory. Its bytes, not its name, tell whether it is
compressed, and whether it is JSON Lines or one document. Segment's own archives are JSON Lines in
gzip: https://segment.com/docs/connections/storage/catalog/amazon-s3/.
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
from typing import IO

from cli.contents import Content, contents
from cli.troubles import Misuse, Trouble
from handler.door.body import read_values
from handler.door.elements import JSON_SPACE, array_elements

REJECTS = ".rejects.jsonl"
"""How the name of a backfill's rejects file ends."""

STDIN = "-"
S3 = "s3://"

LONGEST_LINE = 16 * 1024 * 1024
"""Bytes. Segment's messages have 32 KB at most, a webhook's batch 4 MB."""

LARGEST_DOCUMENT = 64 * 1024 * 1024
"""Bytes of a file that is one JSON document, which has to be held as a whole."""

_GZIP = b"\x1f\x8b"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class ArchiveFile:
    """One file or S3 object. `size` is in bytes as stored; `version` changes with the content.

    `is_named` when it was named itself, not only its folder or prefix.
    """

    name: str
    size: int
    version: str
    open: Callable[[], IO[bytes]]
    is_named: bool = True


@dataclass(frozen=True, slots=True)
class ArchiveEntry:
    """One entry of a file: a line of JSON Lines, or an element of an array.

    `number` counts from 1. `problem` says why `text` cannot be read at all.
    """

    number: int
    text: bytes
    problem: str | None = None

    def contents(self) -> list[Content]:
        """What is in it. Raises `Refusal` saying why it holds nothing. An array is a batch."""
        return [held for value in read_values(self.text) for held in contents(value)]


class NoArchive(Trouble):
    """The file holds no JSON at all."""


def expand(arguments: Iterable[str], *, stdin: bool = False) -> list[ArchiveFile]:
    """The files that the arguments name, folders and S3 prefixes in the order of their names.

    Raises `Misuse` for one that names nothing, and for `-` where `stdin` is false.
    """
    sources: list[ArchiveFile] = []
    for argument in arguments:
        if argument == STDIN:
            if not stdin:
                raise Misuse("standard input cannot be read twice: save it to a file first")
            sources.append(ArchiveFile("standard input", 0, "", lambda: sys.stdin.buffer))
        elif argument.startswith(S3):
            sources.extend(_objects(argument))
        else:
            sources.extend(_files(Path(argument)))
    return sources


def records(stream: IO[bytes], skip: int = 0, *, is_named: bool = True) -> Iterator[ArchiveEntry]:
    """What the stream holds, without the first `skip` places. Raises `Trouble` when it breaks off.

    Blank lines hold nothing and keep their number. Raises `NoArchive` for what nobody has named and
    neither begins as JSON nor has a second line that does.
    """
    text = _decompressed(stream)
    try:
        yield from _records(text, skip, is_named=is_named)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise Trouble(
            "the gzip data breaks off or is damaged; was the file copied whole? "
            f"({type(error).__name__})"
        ) from None


def _records(text: IO[bytes], skip: int, *, is_named: bool) -> Iterator[ArchiveEntry]:
    head = [_line(text), _line(text)]
    head[0] = head[0].removeprefix(_BYTE_ORDER_MARK)
    if not is_named and not any(each.lstrip(JSON_SPACE)[:1] in (b"{", b"[") for each in head):
        raise NoArchive("it is no JSON")
    if _is_one_document(*head):
        whole = b"".join(head) + text.read(LARGEST_DOCUMENT + 1)
        yield from (record for record in _elements(whole) if record.number > skip)
        return
    for number, line in enumerate(_lines(head, text), start=1):
        if number <= skip or line.isspace():
            continue
        if len(line) > LONGEST_LINE:
            yield ArchiveEntry(
                number, line[:1000], f"the line is longer than {LONGEST_LINE:,} bytes"
            )
        else:
            yield ArchiveEntry(number, line)


def _decompressed(stream: IO[bytes]) -> IO[bytes]:
    buffered = stream if isinstance(stream, io.BufferedReader) else io.BufferedReader(stream)  # type: ignore[type-var]
    if buffered.peek(2)[:2] == _GZIP:
        return io.BufferedReader(gzip.GzipFile(fileobj=buffered))
    return buffered


def _line(text: IO[bytes]) -> bytes:
    """The next line. A line that is too long is cut, and its rest skipped."""
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


def _elements(whole: bytes) -> Iterator[ArchiveEntry]:
    if len(whole) > LARGEST_DOCUMENT:
        raise Trouble(
            f"the file is one JSON document of more than {LARGEST_DOCUMENT:,} bytes. "
            "Make it JSON Lines: jq -c '.[]' FILE"
        )
    if not whole.lstrip(JSON_SPACE).startswith(b"["):
        yield ArchiveEntry(1, whole)
        return
    number = 0
    try:
        for number, element in enumerate(array_elements(whole), start=1):
            yield ArchiveEntry(number, element)
    except ValueError as error:
        yield ArchiveEntry(number + 1, b"", f"not JSON: {error}")


def _files(path: Path) -> Iterator[ArchiveFile]:
    is_named = not path.is_dir()
    if not is_named:
        found = sorted(each for each in path.rglob("*") if each.is_file() and _counts(each, path))
        if not found:
            raise Misuse(f"{path}: the folder has no files")
    elif path.exists():
        found = [path]
    else:
        raise Misuse(f"{path}: no such file or folder")
    for each in found:
        facts = each.stat()
        yield ArchiveFile(str(each), facts.st_size, str(facts.st_mtime_ns), _opener(each), is_named)


def _counts(file: Path, folder: Path) -> bool:
    """Whether a folder's file is of its archive: neither hidden nor what a backfill keeps."""
    is_hidden = any(part.startswith(".") for part in file.relative_to(folder).parts)
    return not is_hidden and not file.name.endswith((".state", ".state-journal", REJECTS))


def _opener(path: Path) -> Callable[[], IO[bytes]]:
    def open_file() -> IO[bytes]:
        try:
            return path.open("rb")
        except OSError as error:
            raise Trouble(f"{path}: cannot be read ({error.strerror})") from None

    return open_file


def _objects(url: str) -> Iterator[ArchiveFile]:
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
            is_named = name == url
            yield ArchiveFile(name, entry["Size"], entry["ETag"].strip('"'), opener(key), is_named)
    if not found:
        raise Misuse(f"{url}: no object has this prefix")


def read_whole(name: str) -> bytes:
    """A file, or standard input for `-`, as it is. Raises `Misuse` or `Trouble`."""
    (source,) = expand([name], stdin=True)[:1]
    with source.open() as stream:
        return stream.read()


def all_records(arguments: Iterable[str]) -> Iterator[tuple[ArchiveFile, ArchiveEntry]]:
    """Every record of every source, standard input allowed, but for files that are no archive."""
    for source in expand(arguments, stdin=True):
        with source.open() as stream:
            try:
                for record in records(stream, is_named=source.is_named):
                    yield source, record
            except NoArchive:
                continue
            except Trouble as trouble:
                raise Trouble(f"{source.name}: {trouble}") from None
