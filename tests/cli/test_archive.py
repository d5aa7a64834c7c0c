"""Files, folders and S3 prefixes as messages: every form, damage, and the place of each."""

import gzip
import io
import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from cli import archive
from cli.archive import ArchiveEntry, expand, records
from cli.troubles import Misuse, Trouble
from handler.door.refusals import NotJson

ONE, TWO, THREE = b'{"n":1}', b'{"n":2}', b'{"n":3}'


def read(content: bytes, skip: int = 0) -> list[tuple[int, Any]]:
    """Each place and what it holds; of what cannot be read, why."""
    return [
        (record.number, record.problem or record.contents())
        for record in records(io.BufferedReader(io.BytesIO(content)), skip)
    ]


EACH = [(1, [{"n": 1}]), (2, [{"n": 2}]), (3, [{"n": 3}])]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(b"\n".join((ONE, TWO, THREE)), EACH, id="lines"),
        pytest.param(b"\r\n".join((ONE, TWO, THREE, b"")), EACH, id="lines of Windows"),
        pytest.param(b"\xef\xbb\xbf" + ONE + b"\n" + TWO, EACH[:2], id="byte order mark"),
        pytest.param(ONE + b"\n\n \n" + TWO, [(1, [{"n": 1}]), (4, [{"n": 2}])], id="blank lines"),
        pytest.param(
            b"[" + ONE + b"," + TWO + b"]\n" + THREE,
            [(1, [{"n": 1}, {"n": 2}]), (2, [{"n": 3}])],
            id="batches",
        ),
        pytest.param(b"[\n" + ONE + b",\n" + TWO + b",\n" + THREE + b"\n]\n", EACH, id="array"),
        pytest.param(b"[\n" + ONE + b"\n]", EACH[:1], id="array of one"),
        pytest.param(json.dumps({"n": 1}, indent=2).encode(), EACH[:1], id="object"),
        pytest.param(
            json.dumps([{"n": 1}, {"n": 2}], indent=1).encode(), EACH[:2], id="pretty array"
        ),
        pytest.param(b"", [], id="nothing"),
    ],
)
@pytest.mark.parametrize("is_compressed", [False, True])
def test_file_holds(content: bytes, expected: list[tuple[int, Any]], is_compressed: bool) -> None:
    assert read(gzip.compress(content) if is_compressed else content) == expected


def test_members_of_a_gzip_file_are_read_one_after_the_other() -> None:
    assert read(gzip.compress(ONE + b"\n") + gzip.compress(TWO)) == EACH[:2]


@pytest.mark.parametrize("skip", range(4))
@pytest.mark.parametrize(
    "form", [b"\n".join((ONE, TWO, THREE)), b"[\n" + b",\n".join((ONE, TWO, THREE)) + b"\n]"]
)
def test_reading_goes_on_where_it_stopped(form: bytes, skip: int) -> None:
    assert read(form, skip) == EACH[skip:]


def test_broken_line_costs_no_other_line() -> None:
    kept = list(records(io.BufferedReader(io.BytesIO(ONE + b"\n{oops\n" + THREE))))
    assert kept == [
        ArchiveEntry(1, ONE + b"\n"),
        ArchiveEntry(2, b"{oops\n"),
        ArchiveEntry(3, THREE),
    ]
    with pytest.raises(NotJson, match=r"The body is not JSON: see character 1\."):
        kept[1].contents()


def test_line_without_an_end_is_not_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "LONGEST_LINE", 100)
    found = read(ONE + b"\n" + b"x" * 1000 + b"\n" + THREE)
    assert found == [EACH[0], (2, "the line is longer than 100 bytes"), EACH[2]]


def test_document_that_is_too_large_is_told_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(archive, "LARGEST_DOCUMENT", 100)
    with pytest.raises(Trouble, match=r"jq -c '\.\[\]' FILE"):
        read(b"[\n" + ONE + b",\n" * 100)


def test_gzip_that_breaks_off_is_told() -> None:
    whole = gzip.compress(b"".join(b'{"n":%d}\n' % n for n in range(10_000)))
    with pytest.raises(Trouble, match="the gzip data breaks off"):
        read(whole[: len(whole) // 2])


def test_folder_is_read_in_the_order_of_its_names(tmp_path: Path) -> None:
    for name in ("b/1.gz", "a.jsonl", "b/0.gz", ".hidden"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(ONE)
    names = [str(Path(source.name).relative_to(tmp_path)) for source in expand([str(tmp_path)])]
    assert names == ["a.jsonl", "b/0.gz", "b/1.gz"]


@pytest.mark.parametrize(
    ("name", "said"),
    [("nowhere", "no such file or folder"), ("", "the folder has no files")],
)
def test_what_names_nothing_is_told(name: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(Misuse, match=said):
        expand([str(tmp_path / name)])


@pytest.fixture
def bucket(aws_variables: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A bucket with three objects below `logs/`, and one beside."""
    del aws_variables
    name = f"archive-{uuid.uuid4().hex[:8]}"
    s3 = boto3.client("s3", config=Config(s3={"addressing_style": "path"}))
    s3.create_bucket(Bucket=name)
    for key, content in (
        ("logs/2.gz", gzip.compress(TWO)),
        ("logs/1.gz", gzip.compress(ONE)),
        ("logs/folder/", b""),
        ("logs/folder/3.jsonl", THREE),
        ("other/4.jsonl", ONE),
    ):
        s3.put_object(Bucket=name, Key=key, Body=content)
    yield name
    s3.close()


def test_s3_prefix_is_read_in_the_order_of_its_keys(bucket: str) -> None:
    sources = expand([f"s3://{bucket}/logs/"])
    found = []
    for source in sources:
        with source.open() as stream:
            found += [record.contents()[0] for record in records(stream)]
    assert [source.name for source in sources] == [
        f"s3://{bucket}/logs/{name}" for name in ("1.gz", "2.gz", "folder/3.jsonl")
    ]
    assert found == [{"n": 1}, {"n": 2}, {"n": 3}]
    assert all(source.version and source.size for source in sources)


def test_s3_prefix_without_objects_is_told(bucket: str) -> None:
    with pytest.raises(Misuse, match="no object has this prefix"):
        expand([f"s3://{bucket}/nothing/"])
    with pytest.raises(Trouble, match="there is no such bucket"):
        expand(["s3://no-bucket-of-this-name/x"])
