"""Signing samples: what is signed, and which files stay as they are."""

import json
import shutil
from pathlib import Path

import pytest

from local import sign
from local.samples import EVENTS


def test_signature_is_the_known_one() -> None:
    assert sign.signature(b"{}", "secret") == "5d61605c3feea9799210ddcb71307d4ba264225f"


@pytest.mark.parametrize(
    ("body", "signed"),
    [
        (b'{"type":"track"}', b'{"type":"track"}'),
        (b'[{"a":1},{"b":2}]', b'{"a":1}'),
        (b'[{"a":[1,2]}]', b'{"a":[1,2]}'),
    ],
)
def test_first_element_of_an_array_is_signed(body: bytes, signed: bytes) -> None:
    assert sign.signed_part(body) == signed


def test_changed_sample_is_signed_anew(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sample = tmp_path / "identify.json"
    original = (EVENTS / "identify.json").read_text()
    sample.write_text(original.replace("premium", "basic"))
    sign.main([str(sample)])
    changed = json.loads(sample.read_text())
    assert changed["headers"]["x-signature"] == sign.signature(changed["body"].encode())
    assert capsys.readouterr().out == f"signed {sample}\n"
    changed["headers"]["x-signature"] = json.loads(original)["headers"]["x-signature"]
    assert changed == json.loads(original.replace("premium", "basic"))


@pytest.mark.parametrize("name", ["identify.json", "wrong-signature.json", "retry-one.json"])
def test_other_files_stay_as_they_are(name: str, tmp_path: Path) -> None:
    sample = tmp_path / name
    shutil.copy(EVENTS / name, sample)
    sign.main([str(sample)])
    assert sample.read_bytes() == (EVENTS / name).read_bytes()
