"""Whom a checker believes: logs, witnesses, and how many of them it takes (C2SP tlog-policy)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from evidence.tlog.checkpoint import Checkpoint, parse_checkpoint
from evidence.tlog.errors import Malformed, NotProved
from evidence.tlog.note import Algorithm, VerifierKey, parse_note, verify
from evidence.tlog.strict import read_number

LARGEST_POLICY = 1_000_000  # bytes
NOBODY = "none"  # the quorum that needs no witness
LOG_TYPES = (Algorithm.ED25519, Algorithm.ML_DSA_44)
WITNESS_TYPES = (Algorithm.COSIGNATURE, Algorithm.ML_DSA_44)
FORBIDDEN = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class KnownLog:
    """A key of a log. The key's name is the log's origin."""

    key: VerifierKey
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Witness:
    """A witness by the name that the policy gives it, and where it can be asked."""

    name: str
    key: VerifierKey
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """Witnesses and groups of which at least `needed` must have witnessed."""

    name: str
    needed: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Judged:
    """A checkpoint that a listed log signed, and what else was found under it.

    `log_keys`: the listed keys of this log with a good signature, Ed25519 or ML-DSA. `ml_dsa`: whether a listed
    ML-DSA key of the log signed too, None where the policy lists none. `witnesses`: name in the policy → POSIX
    time of the earliest good cosignature. `quorum_met` is true for `quorum none`; `witnessed` is not.
    """

    checkpoint: Checkpoint
    log_keys: tuple[VerifierKey, ...]
    ml_dsa: bool | None
    witnesses: Mapping[str, int]
    quorum_met: bool
    quorum: str | None

    @property
    def witnessed(self) -> bool:
        """Whether the policy asks for witnesses and enough of them signed."""
        return self.quorum is not None and self.quorum_met


@dataclass(frozen=True, slots=True)
class Policy:
    """Logs, witnesses, groups in the order of their lines, and the name of the quorum: None where nobody is needed."""

    logs: tuple[KnownLog, ...]
    witnesses: tuple[Witness, ...]
    groups: tuple[Group, ...]
    quorum: str | None

    def judge(self, note: bytes) -> Judged:
        """Judge a signed checkpoint.

        Raises Malformed for what is no checkpoint, BadSignature where any listed key's signature is wrong, and
        NotProved where no listed Ed25519 key of the log that the checkpoint names signed it.
        """
        parsed = parse_note(note)
        checkpoint = parse_checkpoint(parsed.text)
        known = {(each.name, each.key_id): each for each in self.keys()}
        times: dict[VerifierKey, int] = {}
        for signature in parsed.signatures:
            key = known.get((signature.name, signature.key_id))
            if key is not None:
                at = verify(parsed.text, signature, key) or 0
                times[key] = min(at, times.get(key, at))
        ours = [each.key for each in self.logs if each.key.name == checkpoint.origin]
        signed = tuple(key for key in ours if key in times)
        if not any(key.algorithm is Algorithm.ED25519 for key in signed):
            raise NotProved(f"no listed key of the log {checkpoint.origin[:120]} signed this checkpoint")
        post_quantum = [key in times for key in ours if key.algorithm is Algorithm.ML_DSA_44]
        seen = {each.name: times[each.key] for each in self.witnesses if each.key in times}
        return Judged(
            checkpoint=checkpoint,
            log_keys=signed,
            ml_dsa=any(post_quantum) if post_quantum else None,
            witnesses=seen,
            quorum_met=self.is_quorum(set(seen)),
            quorum=self.quorum,
        )

    def keys(self) -> list[VerifierKey]:
        """All keys that the policy lists."""
        return [each.key for each in self.logs] + [each.key for each in self.witnesses]

    def is_quorum(self, witnesses: set[str]) -> bool:
        """Whether cosignatures of these witnesses, by their names in the policy, are enough."""
        if self.quorum is None:
            return True
        witnessed = witnesses & {each.name for each in self.witnesses}
        for group in self.groups:  # each speaks only of names on lines before it
            if len(witnessed & set(group.members)) >= group.needed:
                witnessed.add(group.name)
        return self.quorum in witnessed


def parse_policy(text: bytes) -> Policy:
    """Read a policy file. Raises Malformed, naming the line."""
    if len(text) > LARGEST_POLICY:
        raise Malformed(f"a policy of {len(text)} bytes")
    reading = _Reading()
    for number, line in enumerate(text.split(b"\n"), start=1):
        try:
            reading.take(line)
        except Malformed as error:
            raise Malformed(f"line {number} of the policy: {error}") from error
    if reading.quorum is None:
        raise Malformed("the policy has no quorum line; where no witness is needed it says `quorum none`")
    quorum = None if reading.quorum == NOBODY else reading.quorum
    return Policy(tuple(reading.logs), tuple(reading.witnesses), tuple(reading.groups), quorum)


def with_log_keys(text: bytes, *, added: Iterable[VerifierKey], dropped: Collection[VerifierKey]) -> bytes:
    """A policy with log lines of these keys where it has none yet, and without those of the others.

    Every other line stays as it is, byte for byte: witnesses, groups and quorum are not ours to word. `text` is one
    that `parse_policy` accepts. Raises Malformed where it is none, or with the new lines would be none.
    """
    listed = [each.key for each in parse_policy(text).logs]
    kept = [line for line in text.split(b"\n") if _log_key(line) not in dropped]
    after = max((place for place, line in enumerate(kept, start=1) if _log_key(line)), default=0)
    new = [f"log {key.text()}".encode() for key in dict.fromkeys(added) if key not in listed]
    changed = b"\n".join([*kept[:after], *new, *kept[after:]])
    parse_policy(changed)
    return changed


def _log_key(line: bytes) -> VerifierKey | None:
    """The key of a log line; None for any other line."""
    items = _items(line)
    return VerifierKey.parse(items[1]) if items[:1] == ["log"] else None


def _items(line: bytes) -> list[str]:
    """The words of a line; none where it is empty or a comment."""
    if FORBIDDEN.search(line):
        raise Malformed("a control character other than the tab")
    stripped = line.strip(b" \t")
    if not stripped or stripped.startswith(b"#"):
        return []
    # Octets beyond ASCII stay what they are: no name becomes another by being read.
    return [each.decode("utf-8", "surrogateescape") for each in re.split(rb"[ \t]+", stripped)]


@dataclass(slots=True)
class _Reading:
    """A policy of which the lines so far were read."""

    logs: list[KnownLog] = field(default_factory=list)
    witnesses: list[Witness] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    quorum: str | None = None
    names: set[str] = field(default_factory=lambda: {NOBODY})
    members: set[str] = field(default_factory=lambda: {NOBODY})
    publics: set[bytes] = field(default_factory=set)
    ids: set[tuple[str, bytes]] = field(default_factory=set)

    def take(self, line: bytes) -> None:
        """One line."""
        items = _items(line)
        match items:
            case []:
                pass
            case ["log", vkey]:
                self._log(KnownLog(VerifierKey.parse(vkey)))
            case ["log", vkey, url]:
                self._log(KnownLog(VerifierKey.parse(vkey), url))
            case ["witness", name, vkey]:
                self._witness(Witness(name, VerifierKey.parse(vkey)))
            case ["witness", name, vkey, url]:
                self._witness(Witness(name, VerifierKey.parse(vkey), url))
            case ["group", name, needed, *members] if members:
                self._group(name, needed, tuple(members))
            case ["quorum", name]:
                self._quorum(name)
            case _:
                raise Malformed(f"{' '.join(items)[:120]!r} is no line of a policy")

    def _log(self, log: KnownLog) -> None:
        self._once(log.key, LOG_TYPES)
        self.logs.append(log)

    def _witness(self, witness: Witness) -> None:
        self._once(witness.key, WITNESS_TYPES)
        self._define(witness.name)
        self.witnesses.append(witness)

    def _once(self, key: VerifierKey, types: tuple[Algorithm, ...]) -> None:
        """The same key twice would count twice, and a log is not its own witness."""
        if key.algorithm not in types:
            raise Malformed(f"a key of the type {key.algorithm.name} does not belong on this line")
        if key.public in self.publics:
            raise Malformed(f"the key of {key.name} is listed twice")
        if (key.name, key.key_id) in self.ids:
            raise Malformed(f"two keys answer to {key.name} {key.key_id.hex()}")
        self.publics.add(key.public)
        self.ids.add((key.name, key.key_id))

    def _define(self, name: str) -> None:
        if name in self.names:
            raise Malformed(f"the name {name[:120]!r} is taken")
        self.names.add(name)

    def _group(self, name: str, needed: str, members: tuple[str, ...]) -> None:
        for member in members:
            if member not in self.names:
                raise Malformed(f"no line before this one defines {member[:120]!r}")
            if member in self.members:
                raise Malformed(f"{member[:120]!r} cannot be a member, or is one already")
            self.members.add(member)
        least = {"any": 1, "all": len(members)}.get(needed) or read_number(needed)
        if not 1 <= least <= len(members):
            raise Malformed(f"{least} of {len(members)} members")
        self._define(name)
        self.groups.append(Group(name, least, members))

    def _quorum(self, name: str) -> None:
        if self.quorum is not None:
            raise Malformed("a second quorum line")
        if name not in self.names:
            raise Malformed(f"no line before this one defines {name[:120]!r}")
        self.quorum = name
