"""Live in a real browser: dead letters one by one, what waits, and a thousand messages a minute."""

import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from local.aws_stand_in.function import ROOT
from tests.local.web_console.in_a_browser.browsing import TOM, choose, open_panel, send, track
from tests.local.web_console.running import Running

if TYPE_CHECKING:
    from playwright.sync_api import Page

expect = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed").expect


def refused(running: Running, *events: str) -> None:
    """Dead letters of these events; then Klaviyo is fine."""
    running.set_weather("refusing", email=TOM)
    for event in events:
        running.send(json.loads(track(event=event)), renew=True)
    running.until(lambda state: state["dead"]["entries"] >= len(events))
    running.set_weather("fine")


@pytest.fixture
def no_dead_letters(running: Running) -> None:
    """Nothing of what other tests have left."""
    running.ask("POST", "/api/redrive", {})
    running.drain()


# Dead letters


@pytest.mark.usefixtures("no_dead_letters")
def test_one_dead_letter_is_redriven(page: "Page", running: Running) -> None:
    refused(running, "Spoon Bent", "Fork Bent")
    open_panel(page, "live")
    page.locator(".letters summary", has_text="Spoon Bent").click()
    page.get_by_role("button", name="Redrive this one").click()
    page.get_by_text("1 entry is retried").wait_for()
    page.locator(".letters summary", has_text="Spoon Bent").wait_for(state="detached")
    page.locator(".letters summary", has_text="Fork Bent").wait_for()
    row = page.locator("tr", has_text="Spoon Bent").first
    row.get_by_text("Delivered").wait_for(timeout=30_000)


@pytest.mark.usefixtures("no_dead_letters")
def test_some_dead_letters_are_redriven(page: "Page", running: Running) -> None:
    refused(running, "Cup A", "Cup B", "Cup C")
    open_panel(page, "live")
    for event in ("Cup A", "Cup C"):
        page.locator(".letter", has_text=event).get_by_role("checkbox").check()
    page.get_by_role("button", name="Redrive 2 selected").click()
    page.get_by_text("2 entries are retried").wait_for()
    page.locator(".letters summary", has_text="Cup A").wait_for(state="detached")
    page.locator(".letters summary", has_text="Cup B").wait_for()


@pytest.mark.usefixtures("no_dead_letters")
def test_dead_letter_is_corrected(page: "Page", running: Running) -> None:
    refused(running, "Knife Lost")
    running.set_weather("refusing", email=TOM)
    open_panel(page, "live")
    page.locator(".letters summary", has_text="Knife Lost").click()
    page.get_by_role("button", name="Correct it").click()
    area = page.get_by_label("Corrected content")
    whole = area.input_value()
    area.fill("{")
    page.get_by_role("button", name="Redrive it corrected").click()
    page.get_by_text("This is no JSON").wait_for()
    area.fill(whole.replace(TOM, "tim@acme-store.example"))
    page.get_by_role("button", name="Redrive it corrected").click()
    page.get_by_text("1 entry is retried").wait_for()
    choose(page, re.compile("^Events"))
    page.get_by_label("Find in what Klaviyo holds").fill("Knife Lost")
    page.locator("summary", has_text="tim@acme-store.example").wait_for(timeout=30_000)


@pytest.mark.usefixtures("no_dead_letters")
def test_message_that_is_dropped_once_it_is_corrected_says_so(
    page: "Page", running: Running
) -> None:
    text = json.loads(track(messageId="once-malformed", type="page", userId={}))
    assert running.send(text)["answer"]["rejected"] == 1
    letters = running.ask("GET", "/api/dead?find=once-malformed")[1]["letters"]
    corrected = json.dumps({**text, "userId": "u-1"})
    body = {"key": letters[0]["key"], "text": corrected}
    assert running.ask("POST", "/api/redrive", body) == (200, {"moved": 1})
    open_panel(page, "live")
    page.get_by_label("Find messages").fill("once-malformed")
    expect(page.locator("tbody .fate > .badge")).to_have_text(["Dropped"], timeout=30_000)


@pytest.mark.usefixtures("no_dead_letters")
def test_letter_of_a_malformed_message_names_its_person(page: "Page", running: Running) -> None:
    running.send(json.loads(track(event="Lid Lost", userId={})), renew=True)
    open_panel(page, "live")
    summary = page.locator(".letters summary", has_text="Message: Lid Lost")
    expect(summary.first).to_contain_text(TOM)


# What waits


def test_what_waits_is_tried_now(page: "Page", running: Running) -> None:
    running.set_weather("down")
    send(page, track(event="Pan Scratched"))
    running.until(lambda state: state["waiting"]["entries"] > 0)
    open_panel(page, "live")
    page.locator("summary", has_text="What is tried next").click()
    row = page.get_by_label("What is tried next").locator("li").first
    tries = r"(1 try|\d+ tries) so far, next (in|now).*Klaviyo has a failure"
    expect(row).to_contain_text(re.compile(tries))
    running.set_weather("fine")
    page.get_by_role("button", name="Try now").click()
    row = page.locator("tr", has_text="Pan Scratched").first
    row.get_by_text("Delivered").wait_for(timeout=100_000)


def test_curl_that_makes_klaviyo_well_again_leaves_it_fine(page: "Page", running: Running) -> None:
    running.set_weather("down")
    open_panel(page, "live")
    page.get_by_text("Klaviyo: Down").wait_for()
    url = running.klaviyo_url
    for weather in ("{}", "[]", '{"down":false}'):
        subprocess.run(
            [sys.executable, "-c", CURL, f"{url}/stand-in/weather", weather], check=True, cwd=ROOT
        )
        page.get_by_text("Klaviyo: Fine").wait_for()


CURL = """
import sys, urllib.request
urllib.request.urlopen(sys.argv[1], sys.argv[2].encode()).read()
"""


# A thousand messages a minute

PEOPLE = 400

LONGEST_FRAME = """async () => {
  let longest = 0;
  let before = performance.now();
  const end = before + 2000;
  while (performance.now() < end) {
    await new Promise(requestAnimationFrame);
    longest = Math.max(longest, performance.now() - before);
    before = performance.now();
  }
  return longest;
}"""


def test_page_stays_responsive_at_a_thousand_messages_a_minute(
    page: "Page", running: Running
) -> None:
    for number in range(5):
        people = range(number * PEOPLE, (number + 1) * PEOPLE)
        running.send(
            *(
                {
                    "type": "identify",
                    "messageId": f"many-{n}",
                    "userId": f"many-{n}",
                    "traits": {"email": f"many-{n}@acme-store.example", "plan": "x" * 200},
                }
                for n in people
            )
        )
    running.ask("POST", "/api/traffic", {"per_second": 20})
    open_panel(page, "live")
    page.get_by_label(re.compile(r"^Profiles [\d,]+$")).wait_for()
    # What the page itself does comes again with every look at the state; a busy machine's pause
    # does not.
    assert min(page.evaluate(LONGEST_FRAME) for _ in range(3)) < 500
    assert page.locator("main tr").count() <= 60
    running.ask("POST", "/api/traffic", {"per_second": 0})
    find = page.get_by_label("Find messages")
    find.fill("many-1234")
    expect(page.locator("button.open")).to_have_count(1)
    page.locator("button.open").click()
    expect(page.locator(".details")).to_contain_text("many-1234")
    find.fill("many-77@acme-store.example")
    expect(page.locator("button.open")).to_have_count(1)
    find.fill("")
    page.locator(".choice", has_text="Turned away").get_by_label("Dropped").check()
    expect(page.locator("tbody .badge").first).to_have_text("Dropped")
    page.get_by_label("Find in what Klaviyo holds").fill("many-")
    pager = page.get_by_role("navigation", name="Pages of profiles")
    expect(pager).to_contain_text("1 to 50 of 2,000 profiles")
    pager.get_by_role("button", name="Next").click()
    expect(pager).to_contain_text("51 to 100 of 2,000 profiles")


def test_older_messages_are_paged(page: "Page", running: Running) -> None:
    messages = [json.loads(track(messageId=f"paged-{n}", event=f"Paged {n}")) for n in range(120)]
    running.send(*messages)
    open_panel(page, "live")
    page.get_by_label("Find messages").fill("paged-")
    pager = page.get_by_role("navigation", name="Pages of messages")
    expect(pager).to_contain_text("50 of 120 that were found")
    pager.get_by_role("button", name="Older").click()
    page.locator("tr", has_text="Paged 69").wait_for()
    pager.get_by_role("button", name="Older").click()
    expect(pager).to_contain_text("20 of 120 that were found")
    expect(page.locator("button.open")).to_have_count(20)
