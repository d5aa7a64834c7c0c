"""What is measured: its weight, and where it comes from."""

from pathlib import Path

import pytest

from bench.subjects import artifact


def test_weight_is_told_with_byte_code_and_without(tmp_path: Path) -> None:
    (tmp_path / "package" / "__pycache__").mkdir(parents=True)
    (tmp_path / "package" / "module.py").write_bytes(b"x = 1\n" * 50_000)
    (tmp_path / "package" / "__pycache__" / "module.pyc").write_bytes(b"\0" * 200_000)
    megabytes = artifact.weigh(tmp_path)
    assert megabytes["unzipped"] == 0.5
    assert megabytes["unzipped_sources"] == 0.3
    assert 0 < megabytes["zipped_sources"] < megabytes["zipped"] < 0.01


def test_unknown_commit_is_named() -> None:
    with pytest.raises(artifact.RevisionError, match=r"^nonsense is no commit that git knows"):
        artifact.resolve("nonsense")


def test_failed_build_is_told_by_what_pip_says_rather_than_make(tmp_path: Path) -> None:
    makefile = "build-WebhookFunction:\n\t@echo 'ERROR: no wheel for it' >&2; exit 1\n"
    (tmp_path / "Makefile").write_text(makefile)
    (tmp_path / "requirements.txt").write_text("nothing-of-this-name==1.0\n")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    for package in artifact.OURS:
        (tmp_path / package).mkdir()
    with pytest.raises(SystemExit, match=r"nothing-of-this-name can neither be fetched nor"):
        artifact.make("a commit", tmp_path, scratch)


def test_what_cannot_be_built_is_copied_from_this_environment(tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_text(
        "build-WebhookFunction:\n\t@echo 'ERROR: no network' >&2; exit 1\n"
    )
    (tmp_path / "requirements.txt").write_text("iniconfig==2.0.0 \\\n    --hash=sha256:0\n")
    for package in artifact.OURS:
        (tmp_path / package).mkdir()
        for module in ("__init__", "webhook", "retry"):
            (tmp_path / package / f"{module}.py").write_text("import iniconfig\n")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    made = artifact.make("a commit", tmp_path, scratch)
    assert (made.built, made.why) == (False, "ERROR: no network")
    assert (made.folder / "iniconfig" / "__init__.py").is_file()
    assert list((made.folder / "handler" / "__pycache__").glob("webhook.*.pyc"))
    assert made.megabytes["unzipped"] > made.megabytes["unzipped_sources"] > 0
