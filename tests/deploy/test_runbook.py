"""The alarms link the page of the repository that was deployed."""

import re
import subprocess
from pathlib import Path

import pytest

from deploy import runbook
from deploy.runbook import url, url_of
from local.aws_stand_in.template import source

PAGE = "https://github.com/acme/klaviyo/blob/HEAD/docs/operating.md"


@pytest.mark.parametrize(
    ("remote", "expected"),
    [
        ("https://github.com/acme/klaviyo.git\n", PAGE),
        ("https://github.com/acme/klaviyo", PAGE),
        ("https://someone:ghp_token@github.com/acme/klaviyo.git", PAGE),
        ("git@github.com:acme/klaviyo.git", PAGE),
        ("ssh://git@github.com/acme/klaviyo.git", PAGE),
        ("ssh://git@github.com:22/acme/klaviyo.git", PAGE),
        ("https://github.com:443/acme/klaviyo.git", PAGE),
        ("git@github.com/acme/klaviyo.git", None),
        (
            "git@gitlab.com:acme/data/klaviyo.git",
            "https://gitlab.com/acme/data/klaviyo/-/blob/HEAD/docs/operating.md",
        ),
        (
            "https://bitbucket.org/acme/klaviyo",
            "https://bitbucket.org/acme/klaviyo/src/HEAD/docs/operating.md",
        ),
        ("https://git.acme.example/klaviyo.git", None),
        ("/srv/git/klaviyo.git", None),
        ("", None),
    ],
)
def test_page_of_a_repository(remote: str, expected: str | None) -> None:
    assert url_of(remote) == expected


@pytest.mark.parametrize(("length", "is_known"), [(200, True), (201, False)])
def test_address_is_as_long_as_the_parameter_takes(length: int, is_known: bool) -> None:
    page = "f" * (length - len(PAGE)) + runbook.PAGE
    address = url_of("git@github.com:acme/klaviyo.git", page)
    assert (address is not None) == is_known
    pattern = source()["Parameters"]["RunbookUrl"]["AllowedPattern"]
    assert (re.fullmatch(pattern, "f" * length) is not None) == is_known


def test_page_of_a_checkout(tmp_path: Path) -> None:
    assert url(tmp_path) is None
    git = ("git", "-C", str(tmp_path))
    subprocess.run((*git, "init", "--quiet"), check=True)
    assert url(tmp_path) is None
    remote = "git@github.com:acme/klaviyo.git"
    subprocess.run((*git, "remote", "add", "origin", remote), check=True)
    assert url(tmp_path) == PAGE
    copy = tmp_path / "data jobs" / "klaviyo"
    copy.mkdir(parents=True)
    assert url(copy) == PAGE.replace("docs/", "data%20jobs/klaviyo/docs/")
