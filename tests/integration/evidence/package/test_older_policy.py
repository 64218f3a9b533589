"""Packages of a log whose keys changed since somebody wrote its policy file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from evidence.custody.events import Actor
from evidence.outside import rotating
from evidence.package.check import check
from evidence.package.make import Order, make
from evidence.tlog.policy import parse_policy
from tests.integration.evidence.package.conftest import MAKER, Scene


@pytest.mark.parametrize("how", ["settings", "order"])
def test_the_copy_of_the_policy_has_the_keys_that_signed(scene: Scene, tmp_path: Path, how: str) -> None:
    file, out, who = tmp_path / "policy", tmp_path / "package", Actor.system("test")
    file.write_bytes(scene.policy())
    house = scene.world.house
    if how == "settings":
        house = replace(house, settings=house.settings.model_copy(update={"witness_policy": file}))
    [old, _] = scene.keys.vkeys()
    rotating.rotate(house, scene.keys, settings=house.settings, by=who)
    rotating.revoke(house, scene.keys, old.key_id.hex(), because="the disk was stolen", by=who)
    policy = file.read_bytes() if how == "order" else None
    make(house, Order(recordings=(scene.recording(),), policy=policy), out, by=MAKER)
    copied = parse_policy((out / "custody/policy.copy").read_bytes())
    note = (out / "custody/checkpoint.txt").read_bytes()
    assert [each.key for each in copied.logs] == scene.keys.vkeys()
    assert set(copied.judge(note).log_keys) == set(scene.keys.vkeys())
    assert check(out, policy=parse_policy(scene.policy())).holds
