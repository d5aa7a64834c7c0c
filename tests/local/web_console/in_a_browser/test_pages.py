"""The console in a real browser, as its users have it."""

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from klaviyo_mapping import Settings
from klaviyo_mapping.settings.declaration import declared
from tests.local.web_console.in_a_browser.browsing import (
    MARIA,
    PANELS,
    TOM,
    at_this_checkout,
    choose,
    editor,
    line,
    open_everything,
    open_panel,
    outcome,
    send,
    track,
)
from tests.local.web_console.running import Running

if TYPE_CHECKING:
    from playwright.sync_api import Page

expect = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed").expect

# Preview


def test_sample_is_shown_as_its_requests_with_where_each_value_comes_from(page: "Page") -> None:
    open_panel(page, "preview")
    page.get_by_label("Start from").select_option(label="A person with traits")
    page.get_by_text("1 message → 1 request to Klaviyo").wait_for()
    expect(page.locator(".endpoint")).to_have_text("POST /api/profile-import")
    expect(line(page, f'"email": "{MARIA}"').locator(".source")).to_have_text("traits.email")
    city = line(page, '"city": "San Francisco"')
    expect(city.locator(".source")).to_have_text("traits.address.city")


def test_setting_that_decides_stands_beside_the_value(page: "Page") -> None:
    open_panel(page, "preview", track(type="identify", traits={"email": TOM}))
    page.get_by_label("List to join", exact=True).fill("Y6nRLr")
    page.get_by_text("2 requests to Klaviyo").wait_for()
    expect(line(page, '"id": "Y6nRLr"').locator(".source")).to_have_text("setting LIST_ID")
    page.get_by_label("Ask people before they join a list", exact=True).uncheck()
    page.get_by_text("Follows request 1, once that has its answer.").wait_for()
    path = "POST /api/lists/Y6nRLr/relationships/profiles"
    expect(page.locator(".endpoint").nth(1)).to_contain_text(path)


def test_every_setting_is_in_the_form(page: "Page") -> None:
    open_panel(page, "preview")
    shown = page.locator(".settings .help code").all_inner_texts()
    assert sorted(shown) == sorted(each.variable for each in declared(Settings))


def test_dropped_message_says_why_and_what_would_let_it_through(page: "Page") -> None:
    open_panel(page, "preview", track(properties={}))
    page.get_by_text("Dropped: No e-mail address was found for this person.").wait_for()
    page.get_by_text("nothing for Klaviyo").wait_for()
    page.get_by_role("button", name="See it with “Only people with an e-mail address” off").click()
    page.get_by_text("1 request to Klaviyo").wait_for()
    page.locator(".setting.changed", has_text="Only people with an e-mail address").wait_for()
    page.get_by_role("button", name="Back to the running settings").click()
    page.get_by_text("nothing for Klaviyo").wait_for()


def test_fault_in_the_json_is_shown_where_it_is(page: "Page") -> None:
    open_panel(page, "preview", track().replace('"userId":', '"userId"'))
    alert = page.get_by_role("alert").filter(has_text="Line 4, column 12:")
    assert "a colon is missing between a key and its value" in alert.inner_text()
    page.locator(".error-bar").wait_for()
    page.get_by_role("button", name="Go there").click()
    selected = editor(page).evaluate(
        "area => area.value.slice(0, area.selectionStart).split('\\n')"
    )
    assert len(selected) == 4
    assert selected[3] == '  "userId" '


def test_setting_that_cannot_be_read_is_told_at_its_field(page: "Page") -> None:
    open_panel(page, "preview")
    page.get_by_label("Country of phone numbers", exact=True).fill("Germany")
    page.get_by_text("Expected a two-letter country code").wait_for()
    page.get_by_text("A setting cannot be read").wait_for()


def test_rules_are_written_and_their_fault_is_told_where_it_is(page: "Page") -> None:
    open_panel(page, "preview", track())
    rules = page.get_by_label("Rules", exact=True)
    rules.fill('[events]\nalow = ["Mug *"]')
    page.get_by_text("[events] alow: expected allow or deny, and nothing else.").wait_for()
    rules.fill('[events]\ndeny = ["Mug *"]')
    page.get_by_text("Dropped: Your own rules (RULES) leave this event out.").wait_for()


def test_choice_is_chosen(page: "Page") -> None:
    open_panel(page, "preview", track(event="Product Viewed"))
    page.get_by_label("Names of e-commerce events", exact=True).select_option("klaviyo")
    line(page, '"name": "Viewed Product"').wait_for()


def test_lookup_is_shown_with_what_follows_it(page: "Page") -> None:
    open_panel(page, "preview")
    page.get_by_label("Start from").select_option(label="A deletion")
    page.get_by_role("button", name="See it with “Forward deletions” on").click()
    page.get_by_text("1 message → 2 requests to Klaviyo").wait_for()
    page.get_by_text("If there is no such profile, nothing more is sent for it.").wait_for()
    page.get_by_text("Follows request 1, once that has its answer.").wait_for()


def test_preview_sends_nothing(page: "Page", running: Running) -> None:
    before = running.state()["totals"]
    open_panel(page, "preview", track(messageId="never-sent"))
    page.get_by_text("1 request to Klaviyo").wait_for()
    assert running.state()["totals"] == before


# Send


def test_message_is_delivered_and_then_in_klaviyo(page: "Page") -> None:
    send(page, track(event="Kettle Descaled"))
    outcome(page, "Delivered")
    page.get_by_role("link", name="Live", exact=True).first.click()
    choose(page, re.compile(r"^Events \d+$"))
    page.locator("summary", has_text="Kettle Descaled").wait_for()


def test_message_that_waits_is_followed_until_it_is_delivered(
    page: "Page", running: Running
) -> None:
    running.set_weather("down")
    send(page, track(event="Kettle Boiled"))
    outcome(page, "Waiting")
    running.set_weather("fine")
    outcome(page, "Delivered")
    page.get_by_text("It waited, and was delivered").wait_for()


def test_message_that_is_opened_shows_each_attempt_of_the_ledger(
    page: "Page", running: Running
) -> None:
    running.set_weather("down")
    send(page, track(event="Kettle Traced"))
    outcome(page, "Waiting")
    running.set_weather("fine")
    outcome(page, "Delivered")
    page.get_by_role("link", name="Live", exact=True).first.click()
    page.get_by_role("button", name="Kettle Traced").first.click()
    attempts = page.get_by_role("region", name="Attempts").locator("tbody tr")
    attempts.nth(1).wait_for()
    assert "webhook" in attempts.first.inner_text()
    assert "unavailable (Klaviyo’s 503); again after" in attempts.first.inner_text()
    assert "Delivered" in attempts.last.inner_text()


def test_message_that_is_dropped_says_why(page: "Page") -> None:
    send(page, track(type="page"))
    outcome(page, "Dropped")
    page.get_by_text("only identify and track are taken").wait_for()


def test_command_that_corrects_a_refused_message_runs_as_it_is_shown(
    page: "Page", running: Running
) -> None:
    """In a shell in the checkout; the editor changes nothing."""
    send(page, track(messageId="m-refused", event=["x"]))
    outcome(page, "Refused")
    shown = page.locator("li.row code", has_text="dlq edit").inner_text()
    said = at_this_checkout(shown, EDITOR="true")
    assert re.fullmatch(
        r"0 entries edited and sent back to the retry queue; \d+ unchanged\.\n", said
    )


def test_command_in_a_preview_names_the_run(page: "Page") -> None:
    open_panel(page, "preview", track(event=["x"]))
    page.locator(".notice code", has_text="dlq edit --local --reason invalid_message").wait_for()


def test_stranger_is_turned_away(page: "Page") -> None:
    open_panel(page, "send")
    page.get_by_label("Signed with a wrong secret").check()
    page.get_by_role("button", name="Send", exact=True).click()
    outcome(page, "Turned away")
    expect(page.get_by_role("status")).to_contain_text("the webhook answered 401")


def test_send_says_that_the_settings_of_the_preview_do_not_count(page: "Page") -> None:
    open_panel(page, "preview")
    page.get_by_label("Only people with an e-mail address", exact=True).uncheck()
    page.get_by_role("link", name="Send").click()
    page.get_by_text("Different: “Only people with an e-mail address”").wait_for()


# Live and weather


def test_refused_person_is_a_dead_letter_and_redriven_is_delivered(page: "Page") -> None:
    open_panel(page, "weather")
    page.get_by_label("Person", exact=True).fill(TOM)
    page.get_by_label("Refuses one person").check()
    page.get_by_text("Klaviyo: Refuses one person").wait_for()
    send(page, track(event="Lid Lost"))
    outcome(page, "Refused")
    page.get_by_text("Klaviyo refuses it.").wait_for()

    open_panel(page, "weather")
    page.get_by_label("Fine").check()
    open_panel(page, "live")
    letter = page.locator(".letters summary", has_text="Event: Lid Lost").first
    letter.click()
    page.locator(".letters").get_by_text('"Lid Lost"').wait_for()
    page.get_by_role("button", name="Redrive all").click()
    page.get_by_text("retried. What Klaviyo still refuses comes back.").wait_for()
    letter.wait_for(state="detached", timeout=30_000)
    row = page.locator("tr", has_text="Lid Lost").first
    row.get_by_text("Delivered").wait_for(timeout=30_000)


def test_queue_is_seen_to_fill_and_to_drain(page: "Page", running: Running) -> None:
    open_panel(page, "weather")
    page.get_by_label("Down").check()
    page.get_by_label("20 a second").check()
    running.until(lambda state: state["waiting"]["entries"] >= 40)
    waiting = page.locator(".tile", has_text="Waiting").locator("dd").first
    page.wait_for_function("node => Number(node.textContent) >= 40", arg=waiting.element_handle())
    page.get_by_label("None").check()
    page.get_by_label("Fine").check()
    running.drain()
    page.wait_for_function("node => node.textContent === '0'", arg=waiting.element_handle())
    page.locator(".chart svg[aria-label$=' 0 entries waiting now.']").wait_for()
    for kind in ("delivered", "queued", "waiting-line"):
        assert page.locator(f".chart path.{kind}").get_attribute("d")


@pytest.mark.parametrize("mood", ["Slow", "Throttled"])
def test_weather_takes_its_seconds(mood: str, page: "Page", running: Running) -> None:
    open_panel(page, "weather")
    card = page.locator(".mood", has_text=mood)
    card.get_by_label(mood).check()
    card.get_by_label("Seconds").fill("3")
    card.get_by_label("Seconds").press("Enter")
    expected = {"kind": mood.lower(), "seconds": 3}
    running.until(lambda state: state["weather"] == expected)


# Everybody


def test_everything_goes_by_the_keyboard(page: "Page", running: Running) -> None:
    open_panel(page, "preview")
    keyboard = page.keyboard

    def focused() -> str:
        return str(page.evaluate("document.activeElement.getAttribute('href')"))

    keyboard.press("Tab")
    assert focused() == "#preview"
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    assert page.evaluate(outline) == "solid"
    keyboard.press("Tab")
    keyboard.press("Enter")
    page.get_by_role("heading", level=1, name="Send").wait_for()
    tabbed_to(page, "#send-message")
    keyboard.press("Control+A")
    keyboard.insert_text(track(event="Typed"))
    keyboard.press("Tab")
    keyboard.press("Space")
    expect(page.get_by_label("As a new message")).not_to_be_checked()
    tabbed_to(page, "button.primary")
    keyboard.press("Enter")
    outcome(page, "Delivered")
    open_panel(page, "weather")
    tabbed_to(page, "input[name=mood]")
    keyboard.press("ArrowDown")
    running.until(lambda state: state["weather"]["kind"] == "slow")


def tabbed_to(page: "Page", selector: str) -> None:
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"the keyboard does not reach {selector}")


OVERFLOWING = """() => document.documentElement.scrollWidth - innerWidth"""

UNREADABLE = """() => {
  const context = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const seen = new Map();
  const drawn = (colour) => {
    context.clearRect(0, 0, 1, 1);
    context.fillStyle = colour;
    context.fillRect(0, 0, 1, 1);
    return context.getImageData(0, 0, 1, 1).data;
  };
  const channels = (colour) => {
    if (!seen.has(colour)) seen.set(colour, drawn(colour));
    return seen.get(colour);
  };
  const luminance = (colour) => {
    const [r, g, b] = [...channels(colour)].slice(0, 3).map((each) => each / 255).map(
      (each) => (each <= 0.04045 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (node) => {
    for (let each = node; each; each = each.parentElement) {
      const colour = getComputedStyle(each).backgroundColor;
      if (channels(colour)[3] > 0) return colour;
    }
    return "white";
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = [];
  let looked = 0;
  while (walker.nextNode()) {
    const node = walker.currentNode.parentElement;
    const style = getComputedStyle(node);
    if (!walker.currentNode.data.trim() || !node.checkVisibility()) continue;
    if (node.closest("svg, .hidden-label, option, :disabled")) continue;
    const [one, other] = [luminance(style.color), luminance(behind(node))].sort((a, b) => b - a);
    looked += 1;
    if ((one + 0.05) / (other + 0.05) < 4.5) found.push(walker.currentNode.data.slice(0, 40));
  }
  return [looked, found];
}"""


def is_dark(page: "Page") -> bool:
    colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
    return sum(map(int, re.findall(r"\d+", colour)[:3])) < 3 * 64


@pytest.mark.parametrize("panel", PANELS)
def test_panel_fits_a_phone(panel: str, phone: "Page", running: Running) -> None:
    running.send(json.loads(track(userId={})))
    open_everything(phone, panel)
    assert phone.evaluate(OVERFLOWING) <= 0


@pytest.mark.parametrize("panel", PANELS)
def test_text_can_be_read_in_light_and_in_dark(panel: str, page: "Page", running: Running) -> None:
    running.send(json.loads(track(userId={})))
    open_everything(page, panel)
    for theme in ("light", "dark"):
        page.get_by_label("Colours").select_option(theme)
        assert is_dark(page) is (theme == "dark")
        looked, unreadable = page.evaluate(UNREADABLE)
        assert looked > 20
        assert unreadable == []


def test_result_of_send_comes_into_sight_on_a_phone(phone: "Page") -> None:
    send(phone, track())
    expect(phone.get_by_text("Klaviyo has it")).to_be_in_viewport()


def test_dark_is_dark_without_asking_and_light_when_asked(dark_page: "Page") -> None:
    open_panel(dark_page, "preview")
    assert is_dark(dark_page)
    dark_page.get_by_label("Colours").select_option("light")
    assert not is_dark(dark_page)
    dark_page.reload()
    dark_page.get_by_role("heading", level=1).wait_for()
    assert not is_dark(dark_page)


def test_what_was_typed_survives_a_reload(page: "Page") -> None:
    open_panel(page, "preview", track(event="Kept"))
    page.reload()
    assert '"Kept"' in editor(page).input_value()


# A hostile message

MARKUP = '<img src=x onerror="alert(1);window.hacked=1">'
SCRIPT = "</textarea></script><script>window.hacked=1</script><svg onload=alert(2)>"
RIGHT_TO_LEFT = "\u202eمحمد \u05d3\u05d5\u05d3\u202e"


def nested(levels: int) -> Any:
    value: Any = MARKUP
    for _ in range(levels):
        value = {"a": value}
    return value


HOSTILE: dict[str, Any] = {
    "type": "identify",
    "messageId": MARKUP,
    "userId": SCRIPT,
    "traits": {
        "email": "hostile@acme-store.example",
        "firstName": MARKUP,
        "lastName": RIGHT_TO_LEFT,
        "company": {"name": SCRIPT, MARKUP: 1},
        MARKUP: SCRIPT,
        "__proto__": {"isAdmin": True, "html": MARKUP, "length": 7},
        "constructor": {"prototype": {"polluted": MARKUP}},
        "toString": MARKUP,
        "dangerouslySetInnerHTML": {"__html": MARKUP},
        "vnode": {"type": "img", "props": {"src": "x", "onerror": "alert(3)"}, "__k": None},
        "deep": nested(60),
        "large": "x" * 1_000_000,
        "k" * 5000: "v" * 5000,
        "control": "\u0000\u001b[31m\u2028\u2029\ufeff\ufffe",
        "emoji": "👩‍👩‍👧‍👦" * 40,
    },
}


TOO_LARGE = ("large", "deep")
"""Klaviyo would not take these."""


def assert_intact(page: "Page") -> None:
    """No script has run, no markup was made, and the layout holds. The fixture sees the rest."""
    assert page.evaluate("[window.hacked, ({}).isAdmin, ({}).polluted]") == [None, None, None]
    assert page.locator("img").count() == 1
    assert page.locator("#app script, #app iframe, #app svg[onload]").count() == 0
    assert page.evaluate(OVERFLOWING) <= 0
    page.get_by_role("navigation", name="Panels").wait_for()


@pytest.mark.parametrize("width", [360, 1280])
def test_hostile_message_leaves_the_page_intact(width: int, page: "Page", running: Running) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    text = json.dumps(HOSTILE)
    open_panel(page, "preview", text)
    if width == 360:
        page.get_by_role("button", name=re.compile("^Show all")).click()
    page.get_by_text("999,840 more characters").wait_for()
    page.get_by_text(json.dumps(MARKUP), exact=False).first.wait_for()
    assert_intact(page)

    open_panel(page, "send")
    page.get_by_label("As a new message").uncheck()
    page.get_by_role("button", name="Send", exact=True).click()
    page.locator("li.row .badge").wait_for()
    assert_intact(page)

    kept = {key: value for key, value in HOSTILE["traits"].items() if key not in TOO_LARGE}
    assert running.send({**HOSTILE, "traits": kept})["answer"]["delivered"] == 1
    open_panel(page, "live")
    held = page.get_by_role("region", name="What Klaviyo holds")
    held.locator("summary", has_text="hostile@acme-store.example").click()
    held.get_by_text('"__proto__"').wait_for()
    assert_intact(page)

    open_panel(page, "preview")
    assert_intact(page)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"a":' * 20_000 + "1" + "}" * 20_000,
        MARKUP,
        f'{{"{MARKUP}": }}',
        '"' + "x" * 1_000_000,
        "\u202e{",
    ],
    ids=["open brackets", "deep", "markup", "markup in a fault", "endless text", "turned around"],
)
def test_text_that_is_no_message_leaves_the_page_intact(text: str, page: "Page") -> None:
    open_panel(page, "preview", text)
    page.get_by_text(re.compile("This cannot be read yet|nothing for Klaviyo")).wait_for()
    assert_intact(page)
