"""Decides what condition a master's bytes are in, and says it in a sentence for a person. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from evidence.vocabulary import Condition
from transcode.ending import Ending, How, detail, plainly
from transcode.media import MediaFacts, StreamFacts
from transcode.signature import Seems, Signature

POINTER_DEMUXERS: Final = ("hls", "dash", "concat", "sdp", "rtsp", "vobsub", "imf", "rtp")
HOSTILE_ENDINGS: Final = {
    How.OUT_OF_MEMORY: "Opening it asks for more memory than any recording needs",
    How.CPU_LIMIT: "Opening it asks for more work than any recording needs",
    How.FILE_LIMIT: "Opening it tries to write a file",
    How.TOO_MUCH_READ: "Opening it reads on and on without finding an end",
    How.TOO_MUCH_OUTPUT: "Its labels are larger than any recording's",
    How.SIGNAL: "Opening it makes the decoder fail",
}
ENCRYPTED: Final = "The clip is encrypted; the device laid its key beside it. It is not damaged."
NO_INDEX: Final = (
    "The recording was cut off before the device wrote its index (often a loss of power). "
    "The pictures may still be in the file; it cannot be played as it is."
)
UNCLEAN: Final = "some of its bytes are not as its kind of file has them"
TOO_LARGE: Final = ("Picture size", "get_buffer() failed", "Cannot allocate memory", "Size of bitstream", "max_pixels")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What condition, and why, in words for a person."""

    condition: Condition
    sentence: str


SOUND: Final = Verdict(Condition.SOUND, "It opens, and what was tried of it decodes without a message.")


def judge(signature: Signature, ending: Ending, facts: MediaFacts | None, *, has_key: bool = False) -> Verdict:
    """Judge a master by its first bytes, by how its examination ended, and by what that found.

    `has_key`: the device laid an encryption key beside it. `facts` is nothing where the bytes were refused.
    """
    early = _by_first_bytes(signature, has_key=has_key) or _by_ending(ending)
    if early is not None:
        return early
    if facts is None:
        return _script(ending) or _refused(signature, ending, has_key=has_key)
    return _nothing_in_it(facts, ending) or _not_whole(signature, facts, ending) or SOUND


def _by_first_bytes(signature: Signature, *, has_key: bool) -> Verdict | None:
    if signature.seems is Seems.EMPTY:
        return Verdict(Condition.EMPTY, "The file is empty: the device wrote a name and no bytes.")
    if signature.seems is Seems.POINTER:
        said = f"This is {signature.name}, which names other files, and not a recording. Nothing it names was opened."
        return Verdict(Condition.HOSTILE, said)
    if has_key and signature.seems is Seems.UNKNOWN:
        return Verdict(Condition.ENCRYPTED, ENCRYPTED)
    return None


def _by_ending(ending: Ending) -> Verdict | None:
    if ending.from_outside:
        return Verdict(Condition.UNKNOWN, ended_from_outside("Its examination", ending) + " It is kept as it came.")
    if ending.how not in HOSTILE_ENDINGS:
        return None
    return Verdict(Condition.HOSTILE, f"{HOSTILE_ENDINGS[ending.how]}; it was stopped. It is kept as it came.")


def ended_from_outside(work: str, ending: Ending) -> str:
    """That work on a master was ended by somebody else, which says nothing about its bytes."""
    return f"{work} was ended from outside, so it is not known what it would have found{detail(ending.in_words())}."


def _script(ending: Ending) -> Verdict | None:
    said = " ".join(ending.messages)
    found = next((name for name in POINTER_DEMUXERS if f"[{name}]" in said and "not on whitelist" in said), None)
    if found is None:
        return None
    sentence = f"FFmpeg takes this for a {found} script, which can name other files. Nothing it names was opened."
    return Verdict(Condition.HOSTILE, sentence)


def _refused(signature: Signature, ending: Ending, *, has_key: bool) -> Verdict:
    if has_key:
        return Verdict(Condition.ENCRYPTED, ENCRYPTED)
    if signature.seems is Seems.MEDIA:
        return Verdict(Condition.DAMAGED, _what_is_missing(signature, " ".join(ending.messages)))
    if signature.seems is Seems.BLANK:
        return Verdict(Condition.DAMAGED, "The file holds nothing but zeros: the device reserved it and never wrote.")
    return Verdict(Condition.UNKNOWN, f"This is {signature.name}, not a recording that can be played.")


def _what_is_missing(signature: Signature, said: str) -> str:
    if "moov atom not found" in said:
        return NO_INDEX
    because = plainly(said[-300:], "its header makes no sense")
    return f"It begins like {signature.name}, and cannot be read: {because}."


def _nothing_in_it(facts: MediaFacts, ending: Ending) -> Verdict | None:
    if facts.has_media:
        return None
    if any(sign in message for message in ending.messages for sign in TOO_LARGE):
        return Verdict(Condition.HOSTILE, "It claims pictures larger than any camera makes. It is kept as it came.")
    if not facts.pictures and not facts.sounds:
        return Verdict(Condition.UNKNOWN, "It opens, and holds neither pictures nor sound.")
    return Verdict(Condition.DAMAGED, f"It opens, but nothing in it can be decoded{_first_fault(facts)}.")


def _not_whole(signature: Signature, facts: MediaFacts, ending: Ending) -> Verdict | None:
    missing = [stream for stream in facts.streams if stream.beyond_end]
    share = max((stream.beyond_end / max(stream.indexed, 1) for stream in missing), default=0.0)
    hidden = any("m3u8" in message for message in ending.messages)
    found = (
        (share, f"The file ends early: {share:.0%} of what its index names is not there."),
        (hidden, "It plays, and hides a playlist that names other files. Nothing it names was opened."),
        (ending.messages, f"It opens, with errors: {plainly(''.join(ending.messages[:1]), UNCLEAN)}."),
        (_first_fault(facts), f"Part of it cannot be decoded{_first_fault(facts)}."),
        (_unusable(facts), _unusable(facts)),
        (signature.ends_early, "The file ends early: its header promises more sound than is there."),
    )
    return next((Verdict(Condition.DAMAGED, sentence) for is_so, sentence in found if is_so), None)


def _unusable(facts: MediaFacts) -> str:
    """A track that the file has and nobody can see or hear. A sound track may be empty: some devices switch it off."""
    for number, stream in enumerate(facts.streams, start=1):
        if stream.kind in ("video", "audio") and not stream.codec:
            return f"Track {number} ({_seen_or_heard(stream)}) does not say how it is coded, so it cannot be decoded."
        if stream.kind == "video" and not stream.attached_picture and not stream.decoded and not stream.frame_count:
            return f"Track {number} (pictures) is there and holds nothing."
    return ""


def _seen_or_heard(stream: StreamFacts) -> str:
    return "pictures" if stream.kind == "video" else "sound"


def _first_fault(facts: MediaFacts) -> str:
    fault = next((stream.fault for stream in (*facts.pictures, *facts.sounds) if stream.fault), None)
    return f": {plainly(fault, UNCLEAN)}" if fault else ""
