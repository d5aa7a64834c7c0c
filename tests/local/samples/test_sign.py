"""Signing samples: which files change, and which stay as they are."""

import json
import shutil
from pathlib import Path

import pytest

from cli.segment.signature import signature
from local.samples import EVENTS, sign


def test_changed_sample_is_signed_anew(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sample = tmp_path / "identify.json"
    original = (EVENTS / "identify.json").read_text()
    sample.write_text(original.replace("premium", "basic"))
    sign.main([str(sample)])
    changed = json.loads(sample.read_text())
    assert changed["headers"]["x-signature"] == signature(
        changed["body"].encode(), sign.SAMPLE_SECRET
    )
    assert capsys.readouterr().out == f"signed {sample}\n"
    changed["headers"]["x-signature"] = json.loads(original)["headers"]["x-signature"]
    assert changed == json.loads(original.replace("premium", "basic"))


@pytest.mark.parametrize("name", ["identify.json", "wrong-signature.json", "retry-one.json"])
def test_other_files_stay_as_they_are(name: str, tmp_path: Path) -> None:
    sample = tmp_path / name
    shutil.copy(EVENTS / name, sample)
    sign.main([str(sample)])
    assert sample.read_bytes() == (EVENTS / name).read_bytes()
