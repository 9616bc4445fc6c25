"""The report in a real browser: no console error, filters work, hostile text does nothing."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from reports import large_report, small_report

from simulator.report import Report, write_report

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")

ARGUMENTS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
SHOWN = "details.incident:not([hidden])"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Debian's Chromium; playwright's own is not there."""
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield opened
        opened.close()


class Seen:
    """A page with everything that it complained about or asked for."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.requests: list[str] = []
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("dialog", lambda dialog: (self.complaints.append("dialog"), dialog.dismiss()))

    def shown(self) -> int:
        """How many incidents are to be seen."""
        return int(self.page.locator(SHOWN).count())

    def choose(self, **values: str) -> int:
        """Sets filters by name, from all; how many incidents fit."""
        self.page.click("#filters button[type=reset]")
        for name, value in values.items():
            self.page.select_option(f"#filters [name={name}]", value)
        return self.shown()


@pytest.fixture
def opened(browser: Any, tmp_path: Path) -> Iterator[Any]:
    """Opens a report; afterwards nothing may have been complained of or fetched."""
    pages: list[Seen] = []

    def open_report(report: Report, fragment: str = "", **options: Any) -> Seen:
        path = write_report(report, tmp_path / "report.html").page
        seen = Seen(browser.new_page(**options))
        seen.page.goto(f"{path.as_uri()}{fragment}")
        pages.append(seen)
        return seen

    yield open_report
    for seen in pages:
        assert [] == seen.complaints
        assert not [url for url in seen.requests if not url.startswith(("file:", "about:srcdoc"))]
        seen.page.close()


def test_filters_show_what_fits_and_count_it(opened: Any) -> None:
    """Outcome, kind, scenario, rule, text, and what differs; together they narrow."""
    seen = opened(small_report())

    assert 5 == seen.shown()
    assert 2 == seen.choose(outcome="closed")
    assert 1 == seen.choose(outcome="closed", group="attack")
    assert 1 == seen.choose(scenario="migration")
    assert 2 == seen.choose(rule="-seed")
    assert 0 == seen.choose(scenario="migration", outcome="closed")
    assert seen.page.is_visible("#none")
    assert "0 of 5 incidents" == seen.page.inner_text("#count")
    seen.choose()
    seen.page.check("[name=wrong]")
    assert 2 == seen.shown()
    seen.choose()
    seen.page.fill("[name=text]", "EXCH03 remove-mailboxexportrequest")
    assert 1 == seen.shown()


def test_a_number_of_the_matrix_and_a_missed_attack_filter_too(opened: Any) -> None:
    """From the summary to the incident in one click."""
    seen = opened(small_report())

    seen.page.click("button[data-group=attack][data-outcome=closed]")
    assert ["incident-4"] == [row.get_attribute("id") for row in seen.page.locator(SHOWN).all()]
    seen.page.locator("button[data-find=A001]").first.click()
    assert ["incident-1"] == [row.get_attribute("id") for row in seen.page.locator(SHOWN).all()]


def test_a_view_can_be_kept_as_an_address(opened: Any) -> None:
    """The filters stand in the fragment and are read from it."""
    seen = opened(small_report(), "#?outcome=closed&text=exch02")

    assert 1 == seen.shown()
    assert "exch02" == seen.page.input_value("[name=text]")
    seen.choose(outcome="escalated")
    assert seen.page.url.endswith("#?outcome=escalated")


def test_an_opened_incident_tells_events_reasons_and_comment_and_runs_nothing(opened: Any) -> None:
    """Hostile command lines and comments are to be read, and no dialog, image or script comes of them."""
    seen = opened(small_report())
    row = seen.page.locator("#incident-1")

    row.locator("summary").click()

    assert "New-MailboxExportRequest" not in row.locator("pre").first.inner_text()
    assert "onerror=alert(1)" in row.locator("pre").first.inner_text()
    assert 2 == row.locator(".timeline li.known").count()
    assert "off_hours" in row.locator(".codes").first.inner_text()
    # Two locks, either of which would do: the frame's sandbox and the page's policy.
    assert "allow-same-origin" == row.locator("iframe").get_attribute("sandbox")
    frame = row.locator("iframe").element_handle().content_frame()
    frame.wait_for_load_state()
    assert "triage-record" in frame.inner_text("body")
    # Chromium tells that it blocked what the comment tried: that is what we want to read, once each.
    blocked = [text for text in seen.complaints if "Blocked script execution" in text or "violates" in text]
    assert seen.complaints == blocked
    seen.complaints.clear()
    seen.requests[:] = [url for url in seen.requests if not url.endswith("/x")]


def test_the_keyboard_does(opened: Any) -> None:
    """`/` goes to the text filter; Tab and Enter open an incident."""
    seen = opened(small_report())
    seen.page.keyboard.press("/")
    assert "text" == seen.page.evaluate("document.activeElement.name")
    seen.page.keyboard.type("exch02")
    assert 1 == seen.shown()
    seen.page.focus(f"{SHOWN} > summary")
    seen.page.keyboard.press("Enter")

    # A row is built when it is opened: the toggle event comes after the key.
    seen.page.wait_for_selector("#incident-2 .timeline", state="visible")


def test_a_thousand_incidents_are_filtered_and_only_what_is_open_is_built(opened: Any) -> None:
    """Filtering shows what fits at once, and a comment is built for what is open alone."""
    seen = opened(large_report())
    seen.page.evaluate(
        "() => { const text = document.querySelector('[name=text]');"
        " text.value = 'job77'; text.dispatchEvent(new Event('input', {bubbles: true})); }"
    )

    assert 11 == seen.shown()
    assert 0 == seen.page.locator("iframe").count()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_it_is_readable_on_any_screen(opened: Any, scheme: str, width: int) -> None:
    """No sideways scrolling, and text stands out from what is behind it (WCAG AA, 4.5 to 1)."""
    seen = opened(small_report(), viewport={"width": width, "height": 900}, color_scheme=scheme)

    wide = seen.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0
    for selector in ("body", ".quiet", ".chip.closed", ".chip.escalated", ".chip.wrong", ".filters label"):
        assert seen.page.evaluate(CONTRAST, selector) >= 4.5, selector


CONTRAST = """(selector) => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgb = (color) => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1);
    return canvas.getImageData(0, 0, 1, 1).data;
  };
  const light = (color) => [...rgb(color)].slice(0, 3).map((part) => part / 255)
    .map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
    .reduce((sum, part, place) => sum + part * [0.2126, 0.7152, 0.0722][place], 0);
  const element = document.querySelector(selector);
  let behind = element;
  while (rgb(getComputedStyle(behind).backgroundColor)[3] === 0) behind = behind.parentElement;
  const [one, other] = [getComputedStyle(element).color, getComputedStyle(behind).backgroundColor].map(light);
  return (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
}"""
