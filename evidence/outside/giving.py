"""The policy that a force gives to those who check its log: the keys as they stand now, and whom its own file names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from evidence.errors import SettingsRefused
from evidence.outside.rotating import judge_keys
from evidence.tlog.errors import Malformed
from evidence.tlog.keys import Algorithm, VerifierKey
from evidence.tlog.policy import parse_policy, with_log_keys

if TYPE_CHECKING:
    from evidence.bootstrap import House
    from evidence.outside.keys import LogKeys

KINDS = {Algorithm.ED25519: "Ed25519", Algorithm.ML_DSA_44: "ML-DSA-44"}


@dataclass(frozen=True, slots=True)
class Given:
    """A policy to give out, and a sentence for each key in which the file of the settings differs from it.

    `doubts`: a sentence for each key about which keys.json, the log's events and the table of keys do not agree.
    """

    text: bytes
    differs: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()


def policy_to_give(house: House, keys: LogKeys) -> Given:
    """The log's own keys that count, with the witnesses, groups and quorum of the file that the settings name.

    Lines of other logs stay. Where no file is named, nobody is needed. Raises SettingsRefused for a file that is of
    no use, and KeyUnusable.
    """
    path, judged = house.settings.witness_policy, judge_keys(house, keys)
    trusted = judged.keys
    if path is None:
        lines = [*(f"log {key.text()}" for key in trusted), "quorum none", ""]
        return Given("\n".join(lines).encode(), doubts=judged.doubts)
    try:
        file = path.read_bytes()
        listed = [each.key for each in parse_policy(file).logs]
        wrong = [key for key in listed if key.name == keys.origin and key not in trusted]
        text = with_log_keys(file, added=trusted, dropped=wrong)
    except (OSError, Malformed) as error:
        raise SettingsRefused(f"CONTINUITY_WITNESS_POLICY: {path}: {error}") from error
    lacking = [f"{path} lacks {_named(key)}" for key in trusted if key not in listed]
    strange = [f"{path} names {_named(key)}, which was revoked or never was ours" for key in wrong]
    return Given(text, (*lacking, *strange), judged.doubts)


def _named(key: VerifierKey) -> str:
    return f"the log's {KINDS[key.algorithm]} key {key.key_id.hex()}"
