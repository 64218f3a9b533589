"""The page `verify.html` in a real browser: handed packages as bytes, and asked for its verdicts."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser

from tests.support.browser import Visit, visiting, wait_for

PAGE = Path(__file__).resolve().parents[2] / "evidence" / "package" / "inside" / "verify.html"
Files = dict[str, bytes]
Verdicts = dict[tuple[str, str], str]

KEEP = """files => { window.kept = new Map(Object.entries(files).map(
    ([path, body]) => [path, new Blob([Uint8Array.from(atob(body), each => each.charCodeAt(0))])])); }"""
EXAMINE = """async ([changes, gone, policy]) => {
    const bytes = body => Uint8Array.from(atob(body), each => each.charCodeAt(0));
    const files = new Map(window.kept);
    for (const path of gone) files.delete(path);
    for (const [path, body] of Object.entries(changes)) files.set(path, new Blob([bytes(body)]));
    const listed = [...files].map(([path, blob]) => [`package/${path}`, blob]);
    const { result } = await verifier.examined(verifier.packageOf(listed), policy === null ? null : bytes(policy));
    return result;
}"""


class VerifyPage:
    """One window with the page; packages are handed to it without a disk between."""

    def __init__(self, browser: Browser) -> None:
        self.visit: Visit = visiting(browser, PAGE.as_uri())
        self.page = self.visit.open("")
        self._kept: Files = {}

    def close(self) -> None:
        """Close the window."""
        self.page.context.close()

    def result(self, files: Files, policy: bytes | None) -> dict[str, Any]:
        """What the page says of these files. Only what differs from the first package is handed over again."""
        if not self._kept:
            self._kept = dict(files)
            self.page.evaluate(KEEP, {path: as_text(data) for path, data in files.items()})
        changes = {path: as_text(data) for path, data in files.items() if self._kept.get(path) != data}
        gone = [path for path in self._kept if path not in files]
        found: dict[str, Any] = self.page.evaluate(
            EXAMINE, [changes, gone, None if policy is None else as_text(policy)]
        )
        return found

    def verdicts(self, files: Files, policy: bytes | None) -> Verdicts:
        """Claim and subject to verdict."""
        return {(each["claim"], each["subject"]): each["verdict"] for each in self.result(files, policy)["claims"]}

    def check(self, package: Path, policy: Path | None = None) -> dict[str, Any]:
        """Choose a folder or a ZIP file and a policy as a person does, and press the button."""
        self.page.set_input_files("#zip" if package.is_file() else "#folder", package)
        if policy:
            self.page.set_input_files("#policy", policy)
        wait_for(self.page, "!document.querySelector('#chosen').textContent.startsWith('No ')")
        self.page.click("#check")
        wait_for(self.page, "window.result !== null")
        found: dict[str, Any] = self.page.evaluate("window.result")
        return found


def as_text(data: bytes) -> str:
    """Bytes for the page."""
    return base64.b64encode(data).decode()
