"""Recipes: one form, one digest, and nothing in them that cannot be carried out."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

import pytest
from pydantic import ValidationError

from transcode.clip_recipe import Recipe

ONE: dict[str, Any] = {
    "recording": "01890000-0000-7000-8000-000000000001",
    "master_sha256": "a" * 64,
    "kind": "clip",
    "start": 11,
    "end": 45,
    "sounds": [1],
    "burn": {"time": True, "begins": "2026-03-01T11:00:00+01:00", "reference": " AB/1 "},
}


def test_the_same_wish_in_other_words_is_the_same_recipe() -> None:
    one = Recipe.model_validate(ONE)
    burn = {"reference": "AB/1", "begins": "2026-03-01T10:00:00+00:00", "time": True, "collar": ""}
    other = Recipe.model_validate({**dict(reversed(ONE.items())), "burn": burn, "unit": "frame"})
    assert one.as_bytes() == other.as_bytes()
    assert one.digest == sha256(one.as_bytes()).hexdigest()
    assert json.loads(one.as_bytes())["recipe"] == "clip-2"
    assert Recipe.model_validate(json.loads(one.as_bytes())) == one


@pytest.mark.parametrize(
    "more", [{"start": 12}, {"end": 46}, {"sounds": []}, {"burn": {}}, {"master_sha256": "b" * 64}]
)
def test_another_wish_is_another_recipe(more: dict[str, Any]) -> None:
    assert Recipe.model_validate({**ONE, **more}).digest != Recipe.model_validate(ONE).digest


@pytest.mark.parametrize(
    "more",
    [
        {"end": 11},
        {"start": -1},
        {"end": 2**53},
        {"unit": "microsecond"},
        {"kind": "still"},
        {"kind": "sound"},
        {"kind": "sound", "sounds": [], "burn": {}},
        {"sounds": [1, 1]},
        {"recipe": "clip-3"},
        {"colour": "blue"},
        {"burn": {"reference": "x" * 61}},
        {"burn": {"reference": "line\nline"}},
        {"burn": {"reference": "ab\u202ecd"}},
        {"burn": {"reference": "\u0141"}},
        {"burn": {"time": True, "begins": "2026-03-01T10:00:00"}},
    ],
)
def test_what_cannot_be_carried_out_is_no_recipe(more: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Recipe.model_validate({**ONE, **more})
