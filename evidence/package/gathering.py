"""Gathers what proves a package: events, proofs to one checkpoint, ends, revealed values, time-stamps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from uuid import UUID

from evidence import clock
from evidence.completeness import headmap
from evidence.completeness.headmap import HeadMap, ProvedEnd
from evidence.continuity.vouchers import log_vkeys
from evidence.custody import sealing
from evidence.custody.events import EventType, sentence
from evidence.custody.leaf import Leaf, read_leaf
from evidence.database import ReadSession
from evidence.errors import LogDisagrees
from evidence.outside.stamping import Token
from evidence.package import contents as stated
from evidence.package.case import Act
from evidence.package.contents import Contents, Earlier, End, Exhibit, Numbered, Stamp, WorkingFile
from evidence.sequencing import reading
from evidence.store.errors import ObjectMissing
from evidence.store.keys import packets_key
from evidence.tlog.merkle import consistency_proof, inclusion_proof
from evidence.tlog.policy import parse_policy
from evidence.tlog.proof import LogProof
from evidence.tlog.tiles import WIDTH, decode_bundle, entries_path

if TYPE_CHECKING:
    from evidence.bootstrap import House

POLICY_HEAD = "# The policy that the package was made with. Do not believe it: get your own from elsewhere.\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proving:
    """What the proof of a package rests on: its checkpoint, its head map, and what may be told."""

    size: int
    made: HeadMap
    tokens: Sequence[Token]
    names: bool
    policy: bytes | None


@dataclass(frozen=True, slots=True)
class Gathered:
    """The contents of a package, and its events as a laboratory reads them."""

    contents: Contents
    acts: tuple[Act, ...]
    erased: tuple[str, ...] = ()
    """Each personal value that an event of the package says was erased, in words."""


def gather(house: House, exhibits: Sequence[Exhibit], proving: Proving) -> Gathered:
    """Everything but the media. The head map's event and every event of the exhibits must be below the checkpoint."""
    ends = headmap.prove(house, proving.made, [each.recording for each in exhibits])
    with house.reading() as session:
        events, leaves = _events(house, session, exhibits, proving)
        subtree = reading.subtree_reader(session, house.custody)
        under = None if proving.policy is None else parse_policy(proving.policy)
        note = reading.published_note(session, proving.size, under=under)
        proofs = {
            seq: LogProof(seq, tuple(inclusion_proof(seq, proving.size, subtree)), note).encode() for seq in leaves
        }
        seen = {each.seen.size: each.seen.root for each in leaves.values() if 0 < each.seen.size < proving.size}
        earlier = [
            Earlier(size, bytes.fromhex(root), tuple(consistency_proof(size, proving.size, subtree)))
            for size, root in sorted(seen.items())
        ]
        ids = [UUID(each.id) for each in leaves.values()]
        revealed = sealing.revealed(session, ids) if proving.names else {}
        policy = proving.policy or _policy(session, proving.size)
    packets = _packets(house, exhibits, leaves)
    with_packets = tuple(_with_packets(each, leaves) for each in exhibits)
    contents = Contents(
        log=house.settings.log_origin,
        made=clock.as_text(clock.now()),
        size=proving.size,
        exhibits=with_packets,
        events=events,
        proofs=proofs,
        checkpoint=note,
        head_map=_head_map(proving.made, _place(events, leaves, proving.made), ends),
        revealed={
            str(event): {name: (one.salt, one.value) for name, one in of.items()} for event, of in revealed.items()
        },
        seen=tuple(earlier),
        stamps=tuple(_stamp(each) for each in proving.tokens),
        packets=packets,
        policy=policy,
    )
    acts = tuple(_act(seq, leaf, revealed.get(UUID(leaf.id), {})) for seq, leaf in leaves.items())
    erased = tuple(_erased(seq, leaf) for seq, leaf in leaves.items() if leaf.type == EventType.SEALED_ERASED)
    return Gathered(contents, acts, erased)


def _events(
    house: House, session: ReadSession, exhibits: Sequence[Exhibit], proving: Proving
) -> tuple[tuple[Numbered, ...], dict[int, Leaf]]:
    """Every event of the exhibits below the head map's size, and the one that logged the map, by number."""
    found = [Numbered(*each) for exhibit in exhibits for each in reading.leaves_of(session, exhibit.recording)]
    found = [each for each in found if each.seq < proving.made.size]
    [seq] = reading.seq_of(session, [proving.made.event_id]).values()
    found.append(Numbered(seq, _leaf_at(house, seq, proving.size)))
    found.sort(key=lambda each: each.seq)
    return tuple(found), {each.seq: read_leaf(each.leaf) for each in found}


def _leaf_at(house: House, seq: int, size: int) -> bytes:
    """The bytes of one event out of its bundle in the store."""
    index = seq // WIDTH
    bundle = reading.tile_reader(house.custody)(entries_path(index, min(WIDTH, size - index * WIDTH)))
    return decode_bundle(bundle)[seq % WIDTH]


def _place(events: Sequence[Numbered], leaves: Mapping[int, Leaf], made: HeadMap) -> int:
    """Where the event stands that logged the head map. Raises LogDisagrees where it is not what was logged."""
    for each in events:
        leaf = leaves[each.seq]
        if leaf.id == str(made.event_id) and leaf.facts.get("root") == made.root.hex():
            return each.seq
    raise LogDisagrees(f"the event that logged the head map of {made.size} events is not in the log")


def _head_map(made: HeadMap, event: int, ends: Mapping[UUID, ProvedEnd]) -> stated.HeadMap:
    proved = tuple(
        End(
            recording=recording,
            n=each.end.n,
            seq=each.end.seq,
            leaf_hash=each.end.leaf_hash,
            index=each.index,
            proof=each.proof,
        )
        for recording, each in ends.items()
    )
    return stated.HeadMap(event=event, key=made.key, size=made.size, entries=made.entries, ends=proved)


def _stamp(token: Token) -> Stamp:
    return Stamp(
        name=token.authority,
        note=token.note,
        query=token.query,
        response=token.response,
        certificates=token.chain,
        gen_time=clock.as_text(token.at),
    )


def _policy(session: ReadSession, size: int) -> bytes:
    """The log's own keys, and no witness."""
    lines = [f"log {vkey}\n" for vkey in log_vkeys(session, size=size)]
    return "".join([POLICY_HEAD, *lines, "quorum none\n"]).encode()


def _named_packets(copy: WorkingFile, leaves: Mapping[int, Leaf]) -> tuple[str, str] | None:
    """The packet manifests that the copy's event names, master's and copy's, where it names both."""
    for leaf in leaves.values():
        by_role = {each.role: each.sha256 for each in leaf.obj}
        if leaf.type == EventType.RENDITION_MADE and by_role.get("rendition") == copy.sha256:
            both = (by_role.get("packets.master"), by_role.get("packets.copy"))
            return None if both[0] is None or both[1] is None else (both[0], both[1])
    return None


def _packets(house: House, exhibits: Sequence[Exhibit], leaves: Mapping[int, Leaf]) -> dict[str, bytes]:
    """The packet manifests that the store still has. They can be made again; none is needed for a package."""
    there: dict[str, bytes] = {}
    for exhibit in exhibits:
        for copy in exhibit.working:
            for sha256 in _named_packets(copy, leaves) or ():
                try:
                    # The very bytes that events name: unlike other JSON files of a package, without a line feed.
                    there[sha256] = b"".join(house.renditions.read(packets_key(exhibit.recording, sha256)))
                except ObjectMissing:
                    continue
    return there


def _with_packets(exhibit: Exhibit, leaves: Mapping[int, Leaf]) -> Exhibit:
    """The exhibit, each copy with the packet manifests that its event names, also where the store has lost one."""
    return replace(
        exhibit, working=tuple(replace(copy, packets=_named_packets(copy, leaves)) for copy in exhibit.working)
    )


def _erased(seq: int, leaf: Leaf) -> str:
    return f"the {leaf.facts['field']} of event {leaf.facts['event']}, as event number {seq} of the log says"


def _act(seq: int, leaf: Leaf, revealed: Mapping[str, sealing.Revealed]) -> Act:
    values = {name: each.value for name, each in revealed.items()}
    actor = values.get("actor", f"{leaf.actor.kind} {leaf.actor.ref}")
    return Act(
        id=UUID(leaf.id),
        seq=seq,
        recording=UUID(leaf.subj),
        at=leaf.at,
        type=leaf.type,
        sentence=sentence(EventType(leaf.type), facts={**leaf.facts, **values}, actor=actor),
        actor_kind=leaf.actor.kind,
        actor_ref=leaf.actor.ref,
        actor=actor,
    )
