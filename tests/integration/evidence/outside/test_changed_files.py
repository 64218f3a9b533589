"""The policy and the certificates while the process runs: a good change counts, a bad one is an incident only."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from evidence import clock
from evidence.models import Incident
from evidence.outside.duties import Duties
from evidence.outside.stamping import Stamping
from evidence.outside.trust_files import TrustFile
from evidence.outside.witnessing import Witnessing
from evidence.sequencing.reading import subtree_reader
from evidence.vocabulary import IncidentKind
from tests.support.house import until
from tests.support.outside import OwnLog, neighbour

REFUSED = IncidentKind.TRUST_FILE_REFUSED


def put(path: Path, text: str) -> None:
    """As a careful person does: written beside, renamed over."""
    beside = path.with_name(f"{path.name}.new")
    beside.write_text(text)
    beside.replace(path)


def open_now(log: OwnLog) -> list[str]:
    """The reasons of open incidents of such files."""
    with log.house.reading() as session:
        found = select(Incident.reason).where(Incident.kind == REFUSED, Incident.closed_at.is_(None))
        return list(session.scalars(found))


def test_a_policy_that_is_changed_is_in_force_and_a_spoilt_one_is_an_incident(own_log: OwnLog, tmp_path: Path) -> None:
    lines = [f"log {key.text()}" for key in own_log.keys.vkeys()]
    nobody = "\n".join([*lines, "quorum none", ""])
    policy = tmp_path / "policy"
    policy.write_text(nobody)
    log = own_log.with_settings(witness_policy=policy)
    log.grow(3)
    asking = Witnessing(log.house, log.house.settings, subtree_reader)
    duties = Duties(log.house, log.house.settings, subtree_reader)

    def tick() -> Witnessing:
        asking.tick(clock.now())
        return asking

    assert tick().desks == []
    assert duties.is_unwitnessed()
    with neighbour("north", tmp_path / "north", own_log.keys) as north:
        put(policy, "\n".join([*lines, *north.lines, "quorum north-ed25519", ""]))
        until(lambda: len(tick().desks) == 1, what="the new policy")
        until(lambda: not duties.is_unwitnessed(), what="the quorum")
        put(policy, "quorum of fools\n")
        until(lambda: open_now(log) != [] or not tick(), what="the incident")
        assert len(asking.desks) == 1, "the old policy is in force"
        assert not duties.is_unwitnessed()
        assert str(policy) in open_now(log)[0]
        policy.unlink()
        until(lambda: "No such file" in ((tick() and asking.fault) or ""), what="its being gone")
        assert len(asking.desks) == 1
        put(policy, nobody)
        until(lambda: tick().desks == [], what="the mended policy")
        asking.tick(clock.now())
    assert open_now(log) == []


def test_what_a_process_before_found_is_settled_by_one_that_reads_the_file(own_log: OwnLog, tmp_path: Path) -> None:
    policy = tmp_path / "policy"
    policy.write_text("\n".join([*(f"log {key.text()}" for key in own_log.keys.vkeys()), "quorum none", ""]))
    log = own_log.with_settings(witness_policy=policy)
    asking = Witnessing(log.house, log.house.settings, subtree_reader)
    policy.write_text("nonsense\n")
    until(lambda: (asking.tick(clock.now()), open_now(log))[1] != [], what="the incident")
    policy.write_text("\n".join([*(f"log {key.text()}" for key in own_log.keys.vkeys()), "quorum none", ""]))
    Witnessing(log.house, log.house.settings, subtree_reader).tick(clock.now())
    assert open_now(log) == []


def test_an_authority_s_new_certificates_are_read_and_spoilt_ones_are_not(stamped_log: OwnLog) -> None:
    stamping = Stamping(stamped_log.house, stamped_log.house.settings)
    north, south = stamping.authorities
    kept, other = north.chain.pem(), south.file.path.read_text()
    put(north.file.path, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    until(lambda: (stamping.tick(clock.now()), open_now(stamped_log))[1] != [], what="the incident")
    assert north.chain.pem() == kept
    put(north.file.path, other)
    until(lambda: north.chain.pem() == south.chain.pem(), what="the new certificates")
    stamping.tick(clock.now())
    assert open_now(stamped_log) == []


def test_a_file_that_is_just_being_written_is_not_judged(tmp_path: Path) -> None:
    path = tmp_path / "numbers"
    path.write_text("1")
    file = TrustFile(path, int, settled=3600.0)
    path.write_text("half a numb")
    assert [file.now() for _ in range(3)] == [1, 1, 1]
    assert file.fault is None
    with pytest.raises(ValueError, match="invalid literal"):
        TrustFile(path, int)
