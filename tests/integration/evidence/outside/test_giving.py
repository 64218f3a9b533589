"""What is given out as the log's policy while its keys change and the file of the settings does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from evidence import clock
from evidence.custody.events import Actor
from evidence.errors import SettingsRefused
from evidence.outside import rotating
from evidence.outside.giving import policy_to_give
from evidence.sequencing.reading import published_note
from evidence.tlog.errors import NotProved
from evidence.tlog.keys import Algorithm
from evidence.tlog.policy import parse_policy
from evidence.tlog.signing import SigningKey
from tests.support.log import published_size
from tests.support.outside import OwnLog

WHO = Actor.system("test of the policy")
OTHERS = (
    "# whom we trust, caf\u00e9\n"
    f"witness\tnorth  {SigningKey.make('north.example/w', Algorithm.COSIGNATURE).vkey().text()} https://north.example/\n"
    "group enough any north\n\n"
    "quorum enough"
)


def under(own_log: OwnLog, folder: Path, extra: str = "") -> OwnLog:
    """The log under a file with its keys of now, others' lines, and no newline at its end."""
    file = folder / "policy"
    file.write_text("".join(f"log {key.text()}\n" for key in own_log.keys.vkeys()) + extra + OTHERS, "utf-8")
    return own_log.with_settings(witness_policy=file)


def newest(own_log: OwnLog) -> bytes:
    """The newest checkpoint."""
    with own_log.house.reading() as session:
        return published_note(session, published_size(own_log.house))


def test_a_file_that_agrees_is_given_as_it_is(own_log: OwnLog, tmp_path: Path) -> None:
    another = SigningKey.make("another.example/log", Algorithm.ED25519).vkey()
    log = under(own_log, tmp_path, f"log {another.text()} https://another.example/\n")
    given = policy_to_give(log.house, log.keys)
    assert (given.text, given.differs) == ((tmp_path / "policy").read_bytes(), ())


def test_new_keys_are_given_and_revoked_ones_are_not(own_log: OwnLog, tmp_path: Path) -> None:
    log = under(own_log, tmp_path)
    old = log.keys.vkeys()
    new = rotating.rotate(log.house, log.keys, settings=log.house.settings, by=WHO)
    log.grow()
    given = policy_to_give(log.house, log.keys)
    policy = parse_policy(given.text)
    assert {each.key for each in policy.logs} == {*old, *new}
    assert given.text.endswith(b"\n" + OTHERS.encode())
    assert set(policy.judge(newest(log)).log_keys) == {*old, *new}
    assert [
        f"lacks the log's {kind} key" in said
        for kind, said in zip(("Ed25519", "ML-DSA-44"), given.differs, strict=True)
    ]
    assert all(key.key_id.hex() in said for key, said in zip(new, given.differs, strict=True))

    rotating.revoke(log.house, log.keys, old[0].key_id.hex(), because="the disk was stolen", by=WHO)
    log.grow()
    given = policy_to_give(log.house, log.keys)
    policy = parse_policy(given.text)
    assert [each.key for each in policy.logs] == new
    assert given.text.endswith(b"\n" + OTHERS.encode())
    judged = policy.judge(newest(log))
    assert (set(judged.log_keys), judged.ml_dsa) == (set(new), True)
    with pytest.raises(NotProved):
        parse_policy((tmp_path / "policy").read_bytes()).judge(newest(log))
    said = "\n".join(given.differs)
    assert all(f"{key.key_id.hex()}, which was revoked" in said for key in old)
    # Put into the file's place, it has nothing more to say.
    (tmp_path / "policy").write_bytes(given.text)
    assert policy_to_give(log.house, log.keys) == type(given)(given.text)


def test_retired_keys_are_given_too(own_log: OwnLog, tmp_path: Path) -> None:
    rotating.enter(own_log.house, own_log.keys)
    old = own_log.keys.vkeys()
    settings = own_log.house.settings.model_copy(update={"log_keys_overlap_days": 0})
    new = rotating.rotate(own_log.house, own_log.keys, settings=settings, by=WHO)
    rotating.enter(own_log.house, own_log.keys, now=clock.now())
    log = under(own_log, tmp_path)
    assert {each.key for each in parse_policy(policy_to_give(log.house, log.keys).text).logs} == {*old, *new}


def test_a_file_that_is_no_policy_is_refused(own_log: OwnLog, tmp_path: Path) -> None:
    log = under(own_log, tmp_path)
    for spoilt in (b"", b"quorum enough\n", b"\xff\n"):
        (tmp_path / "policy").write_bytes(spoilt)
        with pytest.raises(SettingsRefused, match="CONTINUITY_WITNESS_POLICY"):
            policy_to_give(log.house, log.keys)
    (tmp_path / "policy").unlink()
    with pytest.raises(SettingsRefused, match="CONTINUITY_WITNESS_POLICY"):
        policy_to_give(log.house, log.keys)
