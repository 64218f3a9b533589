"""A real browser for tests: Debian's Chromium, driven by Playwright."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Playwright

from tests.support.cast import PASSWORD
from tests.support.house import until

AXE = Path(__file__).resolve().parents[2] / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
QUIET = [
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--autoplay-policy=no-user-gesture-required",
    "--mute-audio",
]
HOW_TO_GET_IT = "Chromium is not installed, browser tests are left out: run `apt-get install chromium` as root"


def chromium() -> str:
    """Where the distribution's Chromium is. Skips the test, in one line that names the command, where it is not."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    pytest.skip(HOW_TO_GET_IT)


def launched(playwright: Playwright) -> Browser:
    """A browser that talks to nobody by itself."""
    return playwright.chromium.launch(executable_path=chromium(), chromium_sandbox=False, args=QUIET)


@dataclass
class Visit:
    """One person's browser window. Anything it complains about is remembered."""

    page: Page
    url: str
    complaints: list[str]

    def open(self, path: str) -> Page:
        """Go to a page."""
        self.page.goto(self.url + path)
        return self.page

    def sign_in(self, name: str) -> Visit:
        """Sign in as a person does."""
        self.open("/sign-in")
        self.page.fill("#name", name)
        self.page.fill("#password", PASSWORD)
        self.page.click("main form button[type=submit] >> text=Sign in")
        self.page.wait_for_url(lambda url: "/sign-in" not in url)
        return self

    def accessibility_faults(self) -> list[str]:
        """What axe finds on the page, one line a rule."""
        if not AXE.is_file():
            pytest.fail(f"{AXE} is missing: run `python hatch_build.py`")
        self.page.evaluate(AXE.read_text("utf-8"))
        told: dict[str, Any] = self.page.evaluate(
            "rules => axe.run(document, {runOnly: rules, resultTypes: ['violations']})", RULES
        )
        return [
            f"{each['id']}: {each['help']} ({'; '.join(str(node['target']) for node in each['nodes'][:3])})"
            for each in told["violations"]
        ]

    def width(self) -> int:
        """How wide the page is, in CSS pixels, scrolled parts and all."""
        width: int = self.page.evaluate("document.documentElement.scrollWidth")
        return width


def wait_for(page: Page, expression: str, *, within: float = 30) -> None:
    """Wait until an expression is true in the page.

    Playwright's own way asks the page to evaluate text, which our content security policy forbids, rightly.
    """
    until(lambda: bool(page.evaluate(expression)), within=within, what=expression)


def is_complaint(said: ConsoleMessage) -> bool:
    """Errors and warnings, but for the one that tests bring about by reading pixels."""
    return said.type in ("error", "warning") and not said.text.startswith("Canvas2D: Multiple readback")


def visiting(browser: Browser, url: str, **how: Any) -> Visit:
    """A window of its own, with nobody's cookies."""
    page = browser.new_context(locale="en-GB", timezone_id="Europe/London", **how).new_page()
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if is_complaint(said) else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    return Visit(page, url, complaints)
