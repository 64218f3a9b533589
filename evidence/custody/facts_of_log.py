"""What the log says of itself and of what is made from it: maps, keys, stamps, counts, packages, erasures. Pure."""

from __future__ import annotations

from typing import Literal

from evidence.custody.shapes import Count, Digest, Facts, Id, KeyId, Label, Moment, Name, VerifierKeyText, Word


class HeadmapLogged(Facts):
    """The map of the last event of every subject: of how many events, how many subjects, and its root."""

    size: Count
    entries: Count
    root: Digest


class LogVerified(Facts):
    """What a verification of the log found, at which size and root, and from which event on it read again."""

    size: Count
    from_size: Count = 0
    root: Digest
    verdict: Literal["agrees", "contradicted"]
    contradictions: Count = 0


class LogRolledForward(Facts):
    """How far the database was behind the store, and where both stand now."""

    from_size: Count
    to_size: Count
    root: Digest


class KeyRotated(Facts):
    """Which key of the log is in force from which size on, and which one it follows."""

    key: KeyId
    from_size: Count
    old: KeyId | None = None
    algorithm: Word | None = None
    vkey: VerifierKeyText | None = None


class KeyRevoked(Facts):
    """Which key of the log is trusted no more, and from which size on."""

    key: KeyId
    to_size: Count
    algorithm: Word | None = None


class TimestampReceived(Facts):
    """Which authority stamped the checkpoint of which size, and its time."""

    size: Count
    authority: Label
    gen_time: Moment


class WitnessSilent(Facts):
    """Which witness has not signed the checkpoint of which size, and since when it is silent."""

    witness: Label
    size: Count
    since: Moment | None = None


class CensusTaken(Facts):
    """What the store holds against what it should hold, in objects, and the root over what it holds.

    `told_by` is a digest of the ids of the events that told of what differs; early events do not have it.
    """

    census: Id
    expected: Count
    found: Count
    missing: Count
    extra: Count
    changed: Count
    root: Digest
    told_by: Digest | None = None


class CensusGap(Facts):
    """One object that is missing, unknown or changed. A key that is not ours to choose is sealed, not told here."""

    census: Id
    gap: Literal["missing", "extra", "changed"]
    bucket: Label | None = None
    version_id: Label | None = None


class PackageMade(Facts):
    """Which package, of how many exhibits."""

    package: Id
    exhibits: Count


class ReportMade(Facts):
    """Which report, at which size of the log."""

    report: Id | None = None
    size: Count | None = None


class SealedErased(Facts):
    """Which personal value of which event was erased."""

    event: Id
    field: Name
