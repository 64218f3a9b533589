"""Whether the root over the events is the one that was signed, witnessed, and kept in the store."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from evidence.completeness import stamped
from evidence.completeness.claims import LOG, MOST_FINDINGS, Claim, judged, not_proved
from evidence.completeness.walk import Walk
from evidence.custody import log_keys
from evidence.errors import NotFound
from evidence.outside import unbelieved
from evidence.outside.strays import reason_of
from evidence.sequencing import leftovers, reading
from evidence.sequencing.errors import StrangeCheckpoint
from evidence.sequencing.kept import Kept, in_words, newest_first
from evidence.sequencing.publishing import checkpoint_key, listed_keys, read_signed
from evidence.store.errors import ObjectMissing
from evidence.tlog.checkpoint import parse_checkpoint
from evidence.tlog.errors import TlogError
from evidence.tlog.keys import VerifierKey
from evidence.tlog.note import parse_note
from evidence.tlog.policy import KnownLog, Policy, parse_policy

if TYPE_CHECKING:
    from evidence.bootstrap import House
    from evidence.completeness.newest import Newest

PATIENCE = 3.0  # seconds in which a sequencer that stored a checkpoint writes it down
FAILS = "The events are not those that were signed"
NO_KEY = "No event of the log names a key that signed it yet: whether one signed cannot be told."
UNSIGNED = "No checkpoint has been published yet: nobody has signed for these events."
NO_POLICY = "No witness policy is set (CONTINUITY_WITNESS_POLICY): nobody outside has signed for these events."


def claims(house: House, published: int, walk: Walk | None, newest: Newest) -> list[Claim]:
    """The claims `checkpoint` and `witnessed` about the newest checkpoint, `stamped` about the walk; and `keys`."""
    unrecorded = _unrecorded(house, published)
    first, *rest = _about_checkpoint(house, published, walk, newest, [each.size for each in unrecorded if each.counts])
    # What lies among the checkpoints and is none contradicts nothing. A person is to know that somebody put it there.
    remark = in_words((*newest.passed, *unrecorded))
    return [replace(first, words=f"{first.words} {remark}") if remark else first, *rest, keys(house)]


def _about_checkpoint(
    house: House, published: int, walk: Walk | None, newest: Newest, unrecorded: Sequence[int]
) -> list[Claim]:
    if walk is None or published == 0:
        unsigned = not_proved("checkpoint", LOG, UNSIGNED)
        found = [*(walk.roots if walk else ()), *newest.found]
        first = judged("checkpoint", LOG, found, holds="", fails=FAILS) if found else unsigned
        return [first, not_proved("witnessed", LOG, UNSIGNED), *stamped.claims(house, since=0)]
    with house.reading() as session:
        keys = reading.log_keys(session)
        try:
            note = reading.published_note(session, published)
        except NotFound:
            note = b""
    own = Policy(logs=tuple(KnownLog(key) for key in keys), witnesses=(), groups=(), quorum=None)
    found = [
        *(not_signed(note, own, published, house) if keys or not note else []),
        *walk.roots,
        *not_stored(house, published, note),
        *(f"the store has a checkpoint over {size} events that the database has not" for size in unrecorded),
        *newest.found,
    ]
    if walk.size < published:
        found.append(f"only {walk.size} of the {published} events that were signed for could be put together")
    if not keys and not found:
        return [not_proved("checkpoint", LOG, NO_KEY), *_outside(house, note, walk)]
    checkpoint = judged(
        "checkpoint",
        LOG,
        found,
        holds=f"The root over {published} events is the one that a key of this log signed and that the store keeps.",
        fails=FAILS,
    )
    return [checkpoint, *_outside(house, note, walk)]


def _outside(house: House, note: bytes, walk: Walk) -> list[Claim]:
    return [_witnessed(house, note), *stamped.claims(house, since=walk.start)]


def keys(house: House) -> Claim:
    """Whether the table of keys says what the log's events do, and each key that they name has signed."""
    with house.reading() as session:
        found, named = log_keys.faults(session), log_keys.named_keys(session)
    if not named and not found:
        return not_proved("keys", LOG, "No event of the log names a key yet.")
    return judged(
        "keys",
        LOG,
        found,
        holds=f"The {len(named)} keys of the log are those that its events name, from and to where these say.",
        fails="The keys of the log are not those that its events name",
    )


def not_signed(note: bytes, policy: Policy, published: int, house: House) -> list[str]:
    """What is wrong with the checkpoint over `published` events, by the keys of the log in `policy`."""
    if not note:
        return [f"the database has no checkpoint over {published} events"]
    try:
        checkpoint = policy.judge(note).checkpoint
    except TlogError as error:
        return [f"the checkpoint over {published} events: {error}"]
    if (checkpoint.origin, checkpoint.size) != (house.settings.log_origin, published):
        return [f"the checkpoint over {published} events is signed for {checkpoint.size} of {checkpoint.origin}"]
    return []


def not_stored(house: House, published: int, note: bytes) -> list[str]:
    """The store keeps every checkpoint for good, and the very one that the database has."""
    key = checkpoint_key(published)
    try:
        stored = parse_checkpoint(parse_note(house.custody.get(key)).text)
        differs = bool(note) and stored.text() != parse_note(note).text
    except ObjectMissing:
        return [f"{key} is not in the store"]
    except TlogError as error:
        return [f"{key}, or what the database has in its place, cannot be read: {error}"]
    if differs:
        return [f"{key} is not the checkpoint that the database has"]
    return []


def _unrecorded(house: House, published: int) -> list[Kept]:
    """The newest checkpoints that the store keeps and the database has not: its table is insert only.

    And objects under the names of such that are none. Where the database has every one by name, nothing is read. A
    checkpoint is stored first and written down then, so those that are missing are looked for once more.
    """
    missing = leftovers.unrecorded(house, published)
    found, counted = list[Kept](), 0
    for each in newest_first(house, missing):
        found.append(each)
        counted += each.counts
        if counted == MOST_FINDINGS:
            break
    with house.reading() as session:
        keys = listed_keys(session)
    if not any(_is_signed(each, origin=house.settings.log_origin, keys=keys) for each in found if each.counts):
        return found
    time.sleep(PATIENCE)
    still = set(leftovers.unrecorded(house, published))
    return [each for each in found if each.size in still]


def _is_signed(kept: Kept, *, origin: str, keys: Sequence[VerifierKey]) -> bool:
    try:
        return bool(read_signed(kept.key, kept.note, origin=origin, keys=keys))
    except StrangeCheckpoint:
        return False


def _witnessed(house: House, note: bytes) -> Claim:
    path = house.settings.witness_policy
    if path is None:
        return _with_remark(house, not_proved("witnessed", LOG, NO_POLICY), ())
    try:
        policy = parse_policy(path.read_bytes())
        found = policy.judge(note)
    except (TlogError, OSError) as error:
        return not_proved("witnessed", LOG, f"The newest checkpoint cannot be judged under the policy: {error}")
    names = ", ".join(sorted(found.witnesses)) or "nobody"
    holds = f"The newest checkpoint is witnessed by {names}."
    too_few = f"The newest checkpoint is witnessed by {names}: the policy asks for more."
    enough = judged("witnessed", LOG, [], holds=holds, fails="")
    claim = enough if found.witnessed else not_proved("witnessed", LOG, too_few)
    return _with_remark(house, claim, [each.key for each in policy.witnesses])


def _with_remark(house: House, claim: Claim, witnesses: Collection[VerifierKey]) -> Claim:
    """The claim, and in words the rows that cannot be anybody's signature. They contradict nothing: none counts."""
    with house.reading() as session:
        strays = unbelieved.lines(session, witnesses)
    if not strays:
        return claim
    return replace(claim, words=f"{claim.words} Beside it stand {reason_of('custody.cosignature', strays)}.")
