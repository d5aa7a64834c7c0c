"""The address of docs/operating.md, so that the alarms' texts link to it."""

import re
import subprocess
from pathlib import Path

PAGE = "docs/operating.md"

FOLDERS = {"github.com": "blob/HEAD", "gitlab.com": "-/blob/HEAD", "bitbucket.org": "src/HEAD"}
"""By host: what stands between a repository's address and a file's path."""

_REMOTE = re.compile(
    r"(?:https://(?:[^/@\s]+@)?|ssh://git@|git@)"
    r"(?P<host>[a-z.]+)[:/](?P<repository>[A-Za-z0-9._/-]+?)(?:\.git)?/?"
)


def url_of(remote: str) -> str | None:
    """The page in the repository with this address; `None` if the host is not known."""
    found = _REMOTE.fullmatch(remote.strip())
    folder = None if found is None else FOLDERS.get(found["host"])
    if found is None or folder is None:
        return None
    return f"https://{found['host']}/{found['repository']}/{folder}/{PAGE}"


def url(checkout: Path) -> str | None:
    """The page in the repository that the checkout comes from; `None` if that is not known."""
    command = ("git", "-C", str(checkout), "remote", "get-url", "origin")
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return None
    return url_of(done.stdout) if done.returncode == 0 else None
