"""What the events of a package prove: that they are whole, that the log holds them, and after what they came."""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from evidence.custody.canonical import canonical
from evidence.custody.events import EventType
from evidence.custody.leaf import Leaf, read_leaf
from evidence.custody.sealing import commitment
from evidence.errors import NotALeaf
from evidence.package.inquiry import LARGEST_FILE, WHOLE, Contradicted, Inquiry, Unproved
from evidence.package.reading import Unreadable, read
from evidence.package.stated import CONTENTS, EVENT, REVEALED, SEEN, Misstated, StatedContents, read_stated
from evidence.tlog.checkpoint import Checkpoint, parse_checkpoint
from evidence.tlog.errors import NotProved
from evidence.tlog.merkle import leaf_hash, verify_consistency
from evidence.tlog.note import parse_note
from evidence.tlog.policy import Judged, Policy
from evidence.tlog.proof import LogProof
from evidence.tlog.strict import read_base64


@dataclass(frozen=True, slots=True)
class Event:
    """One event of the package."""

    seq: int
    hash: bytes
    leaf: Leaf


@dataclass(slots=True)
class Testimony:
    """What was read so far. A member is empty where its file is absent or wrong; the claims say which."""

    contents: StatedContents | None = None
    events: list[Event] = field(default_factory=list)
    note: bytes = b""
    checkpoint: Checkpoint | None = None
    # Whose signatures are looked at: the checker's policy, or the copy, which proves nothing.
    policy: Policy | None = None
    judged: Judged | None = None
    # Size and root (hex) of checkpoints from which the package's own is shown to have grown.
    earlier: dict[int, str] = field(default_factory=dict)

    def of(self, recording: str) -> list[Event]:
        """The events of one exhibit, in the order of the log."""
        return [each for each in self.events if each.leaf.subj == recording]


CONTENTS_FILE, EVENTS_FILE = "custody/contents.json", "custody/events.jsonl"
PROOFS, HEAD_MAP_FILE = "custody/proofs/", "custody/headmap.json"
UUID7 = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def read_contents(inquiry: Inquiry) -> StatedContents:
    """What the package claims. That it differs from its manifests is said of `files`; it is read for its exhibits.

    Raises Contradicted.
    """
    try:
        contents = read_stated(read(inquiry.package, CONTENTS_FILE, most=LARGEST_FILE), CONTENTS)
    except (Misstated, Unreadable) as error:
        raise Contradicted(f"{CONTENTS_FILE}: {error}") from error
    of = [each.recording for each in contents.exhibits]
    names = [each.reference for each in contents.exhibits]
    if len(set(of)) != len(of) or len(set(names)) != len(names):
        raise Contradicted("contents.json names one recording or one reference twice")
    paths = _paths(contents)
    if len(set(paths)) != len(paths):
        raise Contradicted("contents.json names one file twice")
    if WHOLE in names:
        raise Contradicted(f"contents.json names an exhibit {WHOLE}, as which claims about the whole go")
    return contents


def _paths(contents: StatedContents) -> list[str]:
    masters = [each.master.path for each in contents.exhibits]
    return masters + [copy.path for each in contents.exhibits for copy in each.working]


def strays(inquiry: Inquiry, contents: StatedContents) -> list[str]:
    """Files under `data/` that are neither a master nor a copy."""
    payload = {path for path in inquiry.package.files if path.startswith("data/")}
    return sorted(payload.difference(_paths(contents)))


def missing(inquiry: Inquiry, contents: StatedContents) -> list[str]:
    """Files that contents.json names and that are not there, whatever the manifests list."""
    copies = [copy.packets for each in contents.exhibits for copy in each.working]
    manifests = {digest for both in copies if both is not None for digest in (both.master, both.copy_)}
    named = {*_paths(contents), *(f"custody/packets/{digest}.json" for digest in manifests)}
    if contents.complete_at:
        named.add(HEAD_MAP_FILE)
    return sorted(named.difference(inquiry.package.files))


def read_checkpoint(inquiry: Inquiry, told: Testimony) -> Checkpoint:
    """The package's checkpoint; who signed it is judged elsewhere."""
    told.note = inquiry.read("custody/checkpoint.txt")
    told.checkpoint = parse_checkpoint(parse_note(told.note).text)
    stated = told.contents
    if stated is not None and (stated.log, stated.size) != (told.checkpoint.origin, told.checkpoint.size):
        raise Contradicted("contents.json names another log or another size than the checkpoint")
    return told.checkpoint


def whole_events(inquiry: Inquiry, told: Testimony) -> str:
    """Each leaf is canonical, complete and of this log, stands once, and opens to what was revealed."""
    events = _read_events(inquiry.read(EVENTS_FILE)) if inquiry.holds(EVENTS_FILE) else []
    if not events:
        raise Contradicted("the package shows no event: there is nothing to verify")
    _each_once(events, told)
    opened = _hold_revealed(inquiry, events)
    told.events = events
    _hold_listed(told, [each for each in events if each.leaf.type == EventType.PACKAGE_MADE])
    return f"{len(events)} events of the log {events[0].leaf.log} are whole, and {opened} revealed values are theirs"


def _read_events(body: bytes) -> list[Event]:
    if body and not body.endswith(b"\n"):
        raise Contradicted("events.jsonl does not end in a line feed")
    events = []
    for number, line in enumerate(body.split(b"\n")[:-1], start=1):
        try:
            stated = read_stated(line, EVENT, ended=False)
            data = read_base64(stated.leaf)
            events.append(Event(stated.seq, leaf_hash(data), read_leaf(data)))
        except (Misstated, NotALeaf) as error:
            raise Contradicted(f"line {number} of events.jsonl: {error}") from error
    return events


def _each_once(events: list[Event], told: Testimony) -> None:
    numbers = [each.seq for each in events]
    if numbers != sorted(set(numbers)):
        raise Contradicted("the events do not stand once each in the order of the log")
    if len({each.leaf.id for each in events}) != len(events):
        raise Contradicted("two events have one id")
    if not all(UUID7.fullmatch(each.leaf.id) for each in events):
        raise Contradicted("an event's id is no UUIDv7")
    logs = {each.leaf.log for each in events} | ({told.checkpoint.origin} if told.checkpoint is not None else set())
    if len(logs) != 1:
        raise Contradicted(f"the events and the checkpoint are of different logs: {', '.join(sorted(logs))[:240]}")


def _hold_revealed(inquiry: Inquiry, events: list[Event]) -> int:
    if not inquiry.holds("custody/revealed.json"):
        return 0
    revealed = inquiry.stated("custody/revealed.json", REVEALED)
    by_id = {each.leaf.id: each.leaf for each in events}
    opened = 0
    for event_id, fields in revealed.items():
        if event_id not in by_id:
            raise Contradicted(f"revealed.json opens values of the event {event_id}, which is not in the package")
        sealed: Mapping[str, str] = by_id[event_id].sealed
        for name, opening in fields.items():
            said = commitment(bytes.fromhex(opening.salt), name, canonical(opening.value))
            if not hmac.compare_digest(sealed.get(name, ""), said):
                raise Contradicted(f"the revealed {name[:40]} of event {event_id} is not what the event committed to")
            opened += 1
    return opened


def _hold_listed(told: Testimony, made: list[Event]) -> None:
    """The exhibits of contents.json are those that the package was made of, as the newest event of each says."""
    listed = {each.recording for each in told.contents.exhibits} if told.contents is not None else set()
    newest = {each.leaf.subj: each for each in made if each.leaf.subj in listed}
    for event in newest.values():
        count = event.leaf.facts.get("exhibits")
        if count is not None and (type(count) is not int or count != len(listed)):
            raise Contradicted(
                f"by event {event.seq} the package was made of {str(count)[:40]} exhibits; contents.json lists"
                f" {len(listed)}"
            )
        package = event.leaf.facts.get("package")
        with_it = [each for each in made if package is not None and _alike(each.leaf.facts.get("package"), package)]
        for each in with_it:
            if each.leaf.subj not in listed:
                raise Contradicted(
                    f"by event {each.seq} the package was made of the recording {each.leaf.subj} as well; contents.json"
                    " does not list it"
                )


def _alike(one: object, other: object) -> bool:
    """Whether two facts are the same: true is no number."""
    return canonical(one) == canonical(other)


def included(inquiry: Inquiry, told: Testimony) -> str:
    """Each event leads to the one checkpoint of the package."""
    checkpoint = told.checkpoint
    if checkpoint is None or not told.events:
        raise Unproved("no event or no checkpoint could be read")
    strays = _proofs(inquiry) - {f"{PROOFS}{event.seq}.tlog-proof" for event in told.events}
    if strays:
        raise Contradicted(f"{min(strays)} proves an event that is not in the package")
    for event in told.events:
        path = f"{PROOFS}{event.seq}.tlog-proof"
        proof = LogProof.parse(inquiry.read(path))
        if proof.index != event.seq:
            raise Contradicted(f"{path} is a proof for another event")
        if proof.checkpoint_note != told.note:
            raise Contradicted(f"the checkpoint in {path} is not custody/checkpoint.txt, byte for byte")
        proof.verify(event.hash)
    return f"each of the {len(told.events)} events stands in the log of {checkpoint.size} events with the root" + (
        f" {checkpoint.root.hex()}"
    )


def hold_signatures(told: Testimony, note: bytes) -> None:
    """A note beside the package's own may have other signatures; one that is wrong contradicts. Raises BadSignature."""
    if note != told.note and told.policy is not None:
        with suppress(NotProved):
            told.policy.judge(note)


def _proofs(inquiry: Inquiry) -> set[str]:
    return {path for path in inquiry.package.files if path.startswith(PROOFS)}


def not_before(inquiry: Inquiry, told: Testimony) -> str:
    """Each event was written after the checkpoint that it names."""
    if told.checkpoint is None or not told.events:
        raise Unproved("no event or no checkpoint could be read")
    earlier = told.earlier = _earlier(inquiry, told.checkpoint)
    for event in told.events:  # what is wrong is said before what is not shown
        seen = event.leaf.seen
        if seen.size > event.seq:
            raise Contradicted(f"event {event.seq} names a checkpoint of {seen.size} events, which came after it")
        if earlier.get(seen.size, seen.root) != seen.root:
            raise Contradicted(
                f"event {event.seq} names another root of {seen.size} events than the checkpoint grew from"
            )
    sizes = {event.leaf.seen.size for event in told.events} - {0}
    if earlier.keys() - sizes - {told.checkpoint.size}:
        raise Contradicted("custody/seen.json names a checkpoint that no event names")
    if sizes - earlier.keys():
        unshown = min(sizes - earlier.keys())
        raise Unproved(f"nothing shows that the checkpoint grew from the one of {unshown} events")
    if not sizes:
        raise Unproved("no event names an earlier checkpoint")
    return f"the events name {len(sizes)} earlier checkpoints, and the package's checkpoint grew from each"


def _earlier(inquiry: Inquiry, checkpoint: Checkpoint) -> dict[int, str]:
    """The root at each size from which the checkpoint is shown to have grown; its own among them."""
    roots = {checkpoint.size: checkpoint.root.hex()}
    if not inquiry.holds("custody/seen.json"):
        return roots
    listed = inquiry.stated("custody/seen.json", SEEN)
    if [each.size for each in listed] != sorted({each.size for each in listed} - {0, checkpoint.size}):
        raise Contradicted("custody/seen.json does not name each earlier size once, in order")
    for each in listed:
        proof = [read_base64(one) for one in each.proof]
        verify_consistency(each.size, checkpoint.size, proof, bytes.fromhex(each.root), checkpoint.root)
        roots[each.size] = each.root
    return roots
