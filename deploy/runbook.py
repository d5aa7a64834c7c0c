"""The address of docs/operating.md, so that the alarms' texts link to it."""

import re
import subprocess
from pathlib import Path
from urllib.parse import quote

PAGE = "docs/operating.md"

FOLDERS = {"github.com": "blob/HEAD", "gitlab.com": "-/blob/HEAD", "bitbucket.org": "src/HEAD"}
"""By host: what stands between a repository's address and a file's path."""

LONGEST = 200
"""Characters that the parameter `RunbookUrl` takes."""

_REMOTE = re.compile(
    r"(?:(?P<scp>git@)|https://(?:[^/@\s]+@)?|ssh://git@)(?P<host>[a-z.]+)"
    r"(?(scp):|(?::\d+)?/)(?P<repository>[A-Za-z0-9._/-]+?)(?:\.git)?/?"
)
"""Git's forms of an address: https://git-scm.com/docs/git-clone#_git_urls. After `git@host:` a
folder follows, after the colon of the others a port."""


def url_of(remote: str, page: str = PAGE) -> str | None:
    """The page in the repository with this address; `None` if the host is not known, or if the
    page's address is longer than the parameter takes."""
    found = _REMOTE.fullmatch(remote.strip())
    folder = None if found is None else FOLDERS.get(found["host"])
    if found is None or folder is None:
        return None
    address = f"https://{found['host']}/{found['repository']}/{folder}/{quote(page)}"
    return address if len(address) <= LONGEST else None


def url(checkout: Path) -> str | None:
    """The page in the repository that the checkout comes from; `None` if that is not known.

    The checkout may be a folder of that repository.
    """
    remote = _git(checkout, "remote", "get-url", "origin")
    folder = _git(checkout, "rev-parse", "--show-prefix")
    return None if remote is None or folder is None else url_of(remote, folder + PAGE)


def _git(checkout: Path, *arguments: str) -> str | None:
    """What git says; `None` if it fails, or there is no git."""
    command = ("git", "-C", str(checkout), *arguments)
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return None
    return done.stdout.removesuffix("\n") if done.returncode == 0 else None
