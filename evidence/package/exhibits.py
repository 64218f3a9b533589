"""What a package proves of one exhibit: the master, its copies, that its history has no gap, and where it ends."""

from __future__ import annotations

import hashlib
import hmac
import re
from uuid import UUID

from evidence.custody.canonical import canonical
from evidence.custody.events import EventType
from evidence.custody.leaf import ZERO, LeafObject
from evidence.identifiers import SHA256_SHAPE
from evidence.package.bagged import Hashed
from evidence.package.inquiry import Contradicted, Inquiry, Unproved
from evidence.package.packets import compared
from evidence.package.stated import (
    HEAD_MAP,
    PACKETS,
    Misstated,
    PacketManifest,
    StatedCopy,
    StatedEnd,
    StatedExhibit,
    StatedHeadMap,
    read_stated,
)
from evidence.package.testimony import CONTENTS_FILE, HEAD_MAP_FILE, Event, Testimony
from evidence.tlog.merkle import leaf_hash, verify_inclusion
from evidence.tlog.strict import read_base64

MASTER, COPY = "master", "rendition"
PACKET_ROLES = ("packets.master", "packets.copy")
AS_IT_WAS = {"remux", "direct"}  # methods that code nothing anew
ENDING = re.compile("[A-Za-z0-9]{1,8}")


def _events(inquiry: Inquiry, told: Testimony, exhibit: StatedExhibit) -> list[Event]:
    """The exhibit's events, which the package must show."""
    inquiry.undoubted(CONTENTS_FILE)
    if told.checkpoint is None:
        raise Unproved("there is no checkpoint that can be read")
    events = told.of(exhibit.recording)
    if not events:
        raise Unproved("the package shows no event of this exhibit")
    return events


def master(inquiry: Inquiry, told: Testimony, exhibit: StatedExhibit) -> str:
    """The file is the one that was read back when it was taken in."""
    events, stated = _events(inquiry, told, exhibit), exhibit.master
    found = inquiry.media(stated.path)
    _in_its_place(stated.path, exhibit, "master")
    if (found.sha256, found.sha512, found.size) != (stated.sha256, stated.sha512, stated.size):
        raise Contradicted(f"{stated.path} is not the file that contents.json describes")
    stored = [event for event in events if event.leaf.type == EventType.MASTER_STORED]
    first = stored[0] if stored else events[0]
    objects = [each for each in first.leaf.obj if each.role == MASTER]
    if not stored or len(objects) != 1 or objects[0].sha512 is None:
        raise Unproved("no event says which master was stored")
    if not _same(found, objects[0]):
        raise Contradicted(f"{stated.path} is not the master of event {first.seq}: its digests or its size differ")
    return f"SHA-256, SHA-512 and size are those of event {first.seq}, when the master was stored: {found.sha256}"


def _same(found: Hashed, said: LeafObject) -> bool:
    return (found.sha256, found.sha512, found.size) == (said.sha256, said.sha512, said.size)


def _in_its_place(path: str, exhibit: StatedExhibit, name: str) -> None:
    """A file bears the name of what it is: no copy may lie where people look for the master, nor the other way."""
    folder, _, own = path.rpartition("/")
    if folder != f"data/exhibits/{exhibit.reference}":
        raise Contradicted(f"{path} does not lie in the folder of {exhibit.reference}")
    begins, _, ends = own.rpartition(".")
    if begins != name or not ENDING.fullmatch(ends):
        raise Contradicted(f"{path} has the name of something else: it would be {name}, a dot and a short ending")


def working(inquiry: Inquiry, told: Testimony, exhibit: StatedExhibit, copy: StatedCopy) -> str:
    """The file is a copy that was made of this master, and what its packets say of it."""
    own = _events(inquiry, told, exhibit)
    found = inquiry.media(copy.path)
    _in_its_place(copy.path, exhibit, f"working-{copy.kind}")
    if (found.sha256, found.size) != (copy.sha256, copy.size):
        raise Contradicted(f"{copy.path} is not the file that contents.json describes")
    events = [event for event in own if event.leaf.type == EventType.RENDITION_MADE]
    made = [event for event in events if _names(event, COPY, copy.sha256, copy.size)]
    if not made:
        raise (Contradicted if events else Unproved)(f"no event says that the copy {copy.path} was made")
    made = _as_stated(copy, made)
    words = f"SHA-256 and size are those of event {made[0].seq}, when the copy was made"
    return f"{words}; {_packets(inquiry, copy, made)}"


def _names(event: Event, role: str, sha256: str, size: int) -> bool:
    return any((each.role, each.sha256, each.size) == (role, sha256, size) for each in event.leaf.obj)


def _as_stated(copy: StatedCopy, made: list[Event]) -> list[Event]:
    """Those of the events that say of the copy what contents.json says."""
    differences = [_difference(copy, event) for event in made]
    if all(differences):
        raise Contradicted(f"contents.json says of {copy.path} {differences[0]}")
    return [event for event, difference in zip(made, differences, strict=True) if not difference]


def _difference(copy: StatedCopy, event: Event) -> str:
    for name, stated in (("kind", copy.kind), ("method", copy.method)):
        said = event.leaf.facts.get(name)
        if said not in (None, stated):
            return f"that its {name} is {stated}; event {event.seq} says {str(said)[:100]}"
    roles = {role: {each.sha256 for each in event.leaf.obj if each.role == role} for role in PACKET_ROLES}
    if not all(roles.values()):
        return ""
    if copy.packets is None:
        return f"nothing of its packets; event {event.seq} names packet manifests"
    stated_of = dict(zip(PACKET_ROLES, (copy.packets.master, copy.packets.copy_), strict=True))
    others = [role for role in PACKET_ROLES if roles[role] != {stated_of[role]}]
    return f"other {others[0]} than event {event.seq}, which names {min(roles[others[0]])}" if others else ""


def _packets(inquiry: Inquiry, copy: StatedCopy, made: list[Event]) -> str:
    if copy.packets is None:
        return "its packets were not compared with the master's"
    named = dict(zip(PACKET_ROLES, (copy.packets.master, copy.packets.copy_), strict=True))
    for event in made:
        said = {role: [each for each in event.leaf.obj if each.role == role] for role in named}
        if all(said[role] and {each.sha256 for each in said[role]} == {named[role]} for role in named):
            both = [_manifest(inquiry, said[role][0]) for role in named]
            break
    else:
        raise Contradicted("the packet manifests that contents.json names are not those of the event")
    found = compared(*both)
    if found.contradicts and copy.method in AS_IT_WAS:
        raise Contradicted(f"the copy was made without coding it anew, and yet {found.words}")
    return found.words


def _manifest(inquiry: Inquiry, said: LeafObject) -> PacketManifest:
    path = f"custody/packets/{said.sha256}.json"
    body = inquiry.read(path)
    if (hashlib.sha256(body).hexdigest(), len(body)) != (said.sha256, said.size):
        raise Contradicted(f"{path} is not the packet manifest that the event names")
    try:
        return read_stated(body, PACKETS, ended=False)
    except Misstated as error:
        raise Contradicted(f"{path}: {error}") from error


def history(inquiry: Inquiry, told: Testimony, exhibit: StatedExhibit) -> str:
    """The events are numbered without a gap, each names the one before it, and one of them names the exhibit."""
    events = _events(inquiry, told, exhibit)
    before = ZERO
    for number, event in enumerate(events, start=1):
        if event.leaf.n != number:
            raise Contradicted(f"event {number} of this exhibit is missing, or one stands there twice")
        if event.leaf.prev != before.hex():
            raise Contradicted(f"event {number} of this exhibit does not follow the one before it")
        before = event.hash
    registered = _registered(events, exhibit)
    return f"events 1 to {len(events)} follow one another without a gap, and event {registered} names the exhibit"


def _registered(events: list[Event], exhibit: StatedExhibit) -> int:
    """The number of the event that gave the exhibit its reference: without one, it could be given any."""
    named = [
        (event.seq, event.leaf.facts["reference"])
        for event in events
        if event.leaf.type == EventType.RECORDING_REGISTERED and event.leaf.facts.get("reference") is not None
    ]
    for seq, said in named:
        if said != exhibit.reference:
            raise Contradicted(
                f"contents.json calls the exhibit {exhibit.reference}; event {seq} registered it as {str(said)[:100]}"
            )
    if not named:
        raise Unproved(f"no event shown names this exhibit's reference {exhibit.reference}: it could be another's")
    return named[0][0]


def complete(inquiry: Inquiry, told: Testimony, exhibit: StatedExhibit) -> str:
    """Nothing happened to the exhibit, up to the size of the head map, that is not in the package."""
    own = _events(inquiry, told, exhibit)
    stated = inquiry.stated(HEAD_MAP_FILE, HEAD_MAP)
    root = _logged_root(told, stated)
    ends = [each for each in stated.proofs if each.recording == exhibit.recording]
    if not ends:
        raise Unproved("the head map's proof for this exhibit is not in the package")
    if len(ends) > 1:
        raise Contradicted("the head map is said to hold this exhibit twice")
    events = [each for each in own if each.seq < stated.size]
    _hold_end(stated, ends[0], events, root)
    return f"of the first {stated.size} events of the log, {ends[0].n} are of this exhibit, and all are here"


def _logged_root(told: Testimony, stated: StatedHeadMap) -> bytes:
    """The root of the head map as the log has it."""
    if told.contents is None or stated.size != told.contents.complete_at:
        raise Contradicted("headmap.json and contents.json speak of different sizes")
    logged = [each for each in told.events if each.seq == stated.event]
    if not logged:
        raise Unproved(f"event {stated.event}, which logged the head map, is not in the package")
    leaf = logged[0].leaf
    if leaf.type != EventType.HEADMAP_LOGGED or stated.event < stated.size:
        raise Contradicted(f"event {stated.event} does not log a head map of {stated.size} events")
    root, logs = leaf.facts.get("root"), {"size": stated.size, "entries": stated.entries}
    if canonical(leaf.facts) != canonical({**logs, "root": root}) or not _is_digest(root):
        raise Contradicted(f"event {stated.event} logs another head map than headmap.json speaks of")
    return bytes.fromhex(str(root))


def _is_digest(value: object) -> bool:
    return isinstance(value, str) and SHA256_SHAPE.fullmatch(value) is not None


def _hold_end(stated: StatedHeadMap, end: StatedEnd, events: list[Event], root: bytes) -> None:
    if not events:
        raise Contradicted("the package shows no event of this exhibit below the size of the head map")
    last = events[-1]
    if (last.leaf.n, last.seq, last.hash.hex()) != (end.n, end.seq, end.leaf_hash):
        raise Contradicted(f"the head map ends with event {end.n} of this exhibit, and the package with {last.leaf.n}")
    blinded = hmac.digest(bytes.fromhex(stated.key), UUID(end.recording).bytes, "sha256")
    entry = blinded + end.n.to_bytes(8, "big") + end.seq.to_bytes(8, "big") + last.hash
    proof = [read_base64(each) for each in end.proof]
    verify_inclusion(leaf_hash(entry), end.index, stated.entries, proof, root)
