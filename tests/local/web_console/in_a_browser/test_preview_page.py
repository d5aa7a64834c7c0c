"""Preview in a real browser: large input, settings that are offered, copied and applied."""

import json
import unicodedata
from typing import TYPE_CHECKING, Any

import pytest

from cli.visible import visible
from tests.local.web_console.in_a_browser.browsing import (
    TOM,
    open_panel,
    outcome,
    paste,
    send,
    track,
)
from tests.local.web_console.running import Running

if TYPE_CHECKING:
    from playwright.sync_api import Page

expect = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed").expect

RIGHT_TO_LEFT = "\u202egnp.exe\u200b\x9b"


def batch(number: int, **fields: Any) -> str:
    return json.dumps(
        [json.loads(track(messageId=f"m-{n}", event="Mug Seen", **fields)) for n in range(number)],
        indent=2,
    )


def summary(page: "Page", text: str) -> None:
    page.locator(".summary", has_text=text).wait_for(timeout=30_000)


# Large input

SIGN = """() => {
  addEventListener("paste", () => {
    const began = performance.now();
    const look = () => {
      if (document.querySelector(".working:not(.over)")) window.sign = performance.now() - began;
      else requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
  }, { capture: true, once: true });
}"""
"""Milliseconds from a paste until the page says that it is working."""


@pytest.mark.parametrize("number", [500, 6_000])
def test_paste_shows_at_once_that_it_is_worked_on(number: int, page: "Page") -> None:
    open_panel(page, "preview", track())
    summary(page, "1 message")
    page.evaluate(SIGN)
    paste(page, batch(number))
    page.wait_for_function("window.sign !== undefined")
    assert page.evaluate("window.sign") < 1_000
    summary(page, f"{number:,} messages")
    expect(page.locator(".result")).to_have_attribute("aria-busy", "false")


def test_newest_input_wins(page: "Page") -> None:
    open_panel(page, "preview", track())
    paste(page, batch(6_000))
    page.wait_for_timeout(400)
    paste(page, track(event="The Newest"))
    page.get_by_role("heading", name="Record an event: The Newest").wait_for()
    page.wait_for_timeout(1_500)
    expect(page.locator(".summary")).to_contain_text("1 message")


def test_console_gives_up_what_nobody_waits_for(running: Running) -> None:
    asked = {"text": batch(3), "settings": {}, "page": "a page"}
    assert running.ask("POST", "/api/preview", {**asked, "input": 2})[0] == 200
    status, answer = running.ask("POST", "/api/preview", {**asked, "input": 1})
    assert (status, answer) == (200, {"is_superseded": True})


def test_long_result_is_paged(page: "Page") -> None:
    open_panel(page, "preview")
    paste(page, batch(500))
    summary(page, "500 messages")
    pager = page.get_by_role("navigation", name="Pages of messages")
    expect(pager).to_contain_text("1 to 20 of 500 messages")
    assert page.locator(".row-head .row-number").count() == 20
    pager.get_by_role("button", name="Next").click()
    expect(pager).to_contain_text("21 to 40 of 500 messages")
    expect(page.locator(".row-head .row-number").first).to_have_text("21")
    page.get_by_text("… 495 more").first.wait_for()


def test_whole_body_is_copied_though_its_beginning_is_shown(page: "Page") -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    open_panel(page, "preview")
    paste(page, batch(100))
    summary(page, "100 messages")
    page.get_by_role("button", name="Copy body").first.click()
    page.get_by_role("button", name="Copied").wait_for()
    body = json.loads(page.evaluate("navigator.clipboard.readText()"))
    people = body["data"]["attributes"]["events-bulk-create"]["data"]
    events = [event for each in people for event in each["attributes"]["events"]["data"]]
    assert len(events) == 100


# Where the result stands


def test_result_stays_in_sight_beside_long_settings(page: "Page") -> None:
    open_panel(page, "preview", track())
    summary(page, "1 message")
    page.get_by_label("Rules", exact=True).scroll_into_view_if_needed()
    expect(page.locator(".summary")).to_be_in_viewport()


def test_result_stands_before_the_settings_on_a_phone_and_they_are_near(page: "Page") -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    open_panel(page, "preview")
    page.get_by_label("Start from").select_option(label="An order and its two products")
    page.locator(".result .endpoint").first.wait_for()
    tops = page.evaluate(
        """[".message", ".result", ".settings"].map(
          (each) => document.querySelector(each).getBoundingClientRect().top + scrollY)"""
    )
    assert tops == sorted(tops)
    assert tops[2] < 2_000
    page.get_by_role("link", name="Settings ↓").click()
    expect(page.get_by_role("heading", name="Settings")).to_be_in_viewport()


# Other settings


def test_setting_that_would_change_the_message_is_offered_and_tried(page: "Page") -> None:
    open_panel(page, "preview")
    page.get_by_label("Start from").select_option(label="Consent to e-mail and SMS")
    offer = "With CONSENT_EVENTS=true it would also record the consent to e-mail and SMS"
    page.get_by_text(offer).wait_for()
    page.get_by_role("button", name="See it with “Take consent from two events” on").click()
    page.locator(".endpoint", has_text="profile-subscription-bulk-create-jobs").wait_for()


def test_country_is_offered_for_a_number_without_one(page: "Page") -> None:
    traits = {"email": TOM, "phone": "(415) 555-2671"}
    open_panel(page, "preview", track(type="identify", traits=traits))
    page.get_by_text("With DEFAULT_COUNTRY=US it would set phone_number.").wait_for()


def test_warning_stands_beside_the_message(page: "Page", running: Running) -> None:
    text = track(event="Order Completed", properties={"email": TOM, "products": [{"price": 1}]})
    warning = "A product of the order has neither id nor SKU"
    open_panel(page, "preview", text)
    page.locator(".result").get_by_text(warning).wait_for()
    send(page, text)
    page.locator("li.row .warning", has_text=warning).wait_for()
    open_panel(page, "live")
    page.locator("tr .warning", has_text=warning).first.wait_for()


def test_settings_are_copied_for_other_tools(page: "Page") -> None:
    open_panel(page, "preview", track())
    page.get_by_text("All of them are the defaults.").wait_for()
    page.get_by_label("Only people with an e-mail address", exact=True).uncheck()
    page.get_by_label("Source of consents", exact=True).fill("The Shop")
    expect(page.get_by_label("Environment", exact=True)).to_have_text(
        "ENFORCE_EMAIL=false\nCONSENT_SOURCE='The Shop'"
    )
    expect(page.get_by_label("Options", exact=True)).to_have_text(
        "--no-enforce-email --consent-source 'The Shop'"
    )
    expect(page.get_by_label("Deploy", exact=True)).to_have_text(
        "EnforceEmail: 'false'\nConsentSource: The Shop"
    )


def test_settings_are_used_for_send(page: "Page", running: Running) -> None:
    nobody = track(event="Seen By Nobody", properties={})
    try:
        open_panel(page, "preview", nobody)
        page.get_by_text("nothing for Klaviyo").wait_for()
        page.get_by_label("Only people with an e-mail address", exact=True).uncheck()
        page.get_by_role("button", name="Use these for Send").click()
        page.get_by_text("Send uses them now.").wait_for(timeout=30_000)
        assert page.locator(".setting.changed").count() == 0
        send(page, nobody)
        outcome(page, "Delivered")
        assert not page.get_by_text("The preview has other settings").is_visible()
    finally:
        assert running.ask("POST", "/api/settings", {"settings": {}})[0] == 200
    assert running.send(json.loads(nobody))["answer"]["dropped"] == 1


# Characters that hide or reorder


def test_hidden_characters_are_escapes_wherever_they_are_shown(
    page: "Page", running: Running
) -> None:
    shown = visible(RIGHT_TO_LEFT)
    text = track(event=RIGHT_TO_LEFT, properties={"email": TOM, RIGHT_TO_LEFT: RIGHT_TO_LEFT})
    open_panel(page, "preview", text)
    page.locator(".result h2", has_text=shown).wait_for()
    page.locator(".result .key", has_text=shown).wait_for()
    running.set_weather("refusing", email=TOM)
    send(page, text)
    outcome(page, "Refused")
    page.locator("li.row", has_text=shown).wait_for()
    open_panel(page, "live")
    page.locator("tr", has_text=shown).first.wait_for()
    page.locator(".letters summary", has_text=shown).first.wait_for()
    hidden = "/[\\u202e\\u200b\\u009b]/u.test(document.querySelector('main').innerText)"
    assert page.evaluate(hidden) is False


def test_page_and_command_line_show_the_same(page: "Page") -> None:
    open_panel(page, "preview")
    samples = [f"a{chr(n)}b" for n in range(0x11_0000) if n < 0x3000 or n % 7 == 0]
    samples = [each for each in samples if not "\ud800" <= each[1] <= "\udfff"]
    samples += ["👩\u200d👧", "نامه\u200cها", "mar\u200dia"]
    shown = page.evaluate(
        """async (samples) => {
          const { visible } = await import("/static/visible.js");
          return samples.map(visible);
        }""",
        samples,
    )
    differing = [each for each, there in zip(samples, shown, strict=True) if visible(each) != there]
    # The browser's Unicode is newer than Python's.
    assert [each for each in differing if unicodedata.category(each[1]) != "Cn"] == []
