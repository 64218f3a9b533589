"""Assets: fetched without fonts and crests, named by their content."""

from __future__ import annotations

import pytest

from api import assets
from hatch_build import tidied


@pytest.mark.parametrize(
    "name", ["vendor/govuk-frontend.css", "vendor/moj-frontend.css", "vendor/htmx.js", "js/init.js"]
)
def test_what_pages_ask_for_is_there(name: str) -> None:
    assert assets.url_of(name) == f"/static/{assets.release()}/{name}"


def test_no_font_and_no_crest_is_asked_for() -> None:
    for name in ("vendor/govuk-frontend.css", "vendor/moj-frontend.css"):
        text = assets.catalogue()[name].read_text("utf-8")
        assert "GDS Transport" not in text
        assert "@font-face" not in text
        assert "/assets/" not in text
        assert "sourceMappingURL" not in text


def test_style_sheets_ask_only_for_images_that_are_there() -> None:
    text = assets.catalogue()["vendor/moj-frontend.css"].read_text("utf-8")
    asked = {each.partition(")")[0] for each in text.split("url(")[1:] if not each.startswith(("data:", '"data:'))}
    assert asked
    assert {f"vendor/{each}" for each in asked} <= set(assets.catalogue())


def test_an_asset_that_is_not_there_is_an_error_at_once() -> None:
    with pytest.raises(KeyError, match="hatch_build"):
        assets.url_of("vendor/nothing.css")


def test_tidying_keeps_the_rest() -> None:
    sheet = "@font-face{src:url(/assets/fonts/x.woff2)}a{font-family:GDS Transport,arial,sans-serif}"
    assert tidied(sheet) == "a{font-family:arial,sans-serif}"
