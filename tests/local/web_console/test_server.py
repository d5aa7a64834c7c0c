"""What a browser keeps of the console, and what it asks for each time."""

import http.client
import re
from pathlib import Path

import pytest

from local.make_run.configuration import RUN_FOLDER
from local.make_run.place import command_line
from local.web_console.server import version
from tests.local.web_console.running import Running


def get(running: Running, path: str) -> tuple[int, str, str]:
    """Status, `Cache-Control` and text of an answer."""
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=30)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        cached = response.headers["Cache-Control"]
        return response.status, cached, response.read().decode()
    finally:
        connection.close()


def test_browser_keeps_the_files_of_the_page_and_nothing_else(destination: Running) -> None:
    _, page_is_cached, page = get(destination, "/")
    (script,) = re.findall(r'src="(\S+/app\.js)"', page)
    assert page_is_cached == "no-store"
    assert get(destination, script)[:2] == (200, "private, max-age=86400, immutable")
    assert get(destination, script.replace("app.js", "nothing.js"))[:2] == (404, "no-store")
    assert get(destination, "/api/state")[:2] == (200, "no-store")


def test_every_command_of_a_remedy_is_aimed_at_this_run(destination: Running) -> None:
    advice = destination.ask("GET", "/api/start")[1]["advice"]
    commands = [
        command for each in advice.values() for command in re.findall("`(.+?)`", each["remedy"])
    ]
    ours = [each for each in commands if "klaviyo-destination" in each or "make" in each]
    assert [re.sub(r"^RUN_FOLDER=\S+ ", "", each) for each in ours] == [
        ".venv/bin/klaviyo-destination dlq edit --local --reason invalid_message",
        "make run PAUSE=off",
    ]


@pytest.mark.parametrize(
    ("parent", "folder", "command"),
    [
        (RUN_FOLDER, RUN_FOLDER, ".venv/bin/klaviyo-destination"),
        (RUN_FOLDER, RUN_FOLDER / "2", "PORT=9090 .venv/bin/klaviyo-destination"),
        (
            Path("/a run"),
            Path("/a run/2"),
            "RUN_FOLDER='/a run' PORT=9090 .venv/bin/klaviyo-destination",
        ),
    ],
)
def test_command_line_names_the_run_that_is_meant(parent: Path, folder: Path, command: str) -> None:
    assert command_line(parent, folder, 9090) == command


def test_version_changes_with_a_file(tmp_path: Path) -> None:
    folder = tmp_path / "live"
    folder.mkdir()
    file = folder / "panel.js"
    file.write_text("one")
    before = version(tmp_path)
    assert version(tmp_path) == before
    file.write_text("three")
    assert version(tmp_path) != before


def test_file_that_is_looked_at_by_itself_has_an_icon(destination: Running) -> None:
    """A browser asks for it by this name if a document names none."""
    status, _, icon = get(destination, "/favicon.ico")
    assert (status, icon[:4]) == (200, "<svg")
