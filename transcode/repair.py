"""Decides whether a recording without an index can be repaired, by what, and says what came of it. Pure.

The pictures of such a recording are there; how a decoder is set up for them, and when each is shown, stood in the
index that was never written. The set-up is taken from among the pictures where a camera repeats it there, else from
an intact recording of the same device. The times are made up, and said to be.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from evidence.vocabulary import Condition, RenditionMethod
from transcode.condition import Verdict
from transcode.media import Count, MediaFacts, Ratio, StreamFacts
from transcode.plan import Plan, limits_for, transcode
from transcode.said import Saying
from transcode.signature import Seems, Signature

RECIPE: Final = "repair-2"
FACTS: Final = "repair"
"""Where a rendition's row keeps what it is repaired by, and afterwards what came of it."""
REPAIRED: Final = "repaired.mov"
MOST_FAULTS: Final = 0.25
MOST_LOST: Final = 0.1
DRIFT: Final = 0.1
PACKED: Final = ("aac", "mp3")
"""Sound whose frames a decoder tells from other bytes. Plain samples it makes out of anything."""
LEAST_GAIN: Final = 2.0
"""What sound has at the least of energy over what prediction leaves of it: noise has 1.0, compressed bytes to 1.4."""
QUIET: Final = 0.02
"""Of full scale, root of the mean square: compressed bytes that are read as samples have 0.3 to 0.6."""
TURNS: Final = {90: ("cclock",), -90: ("clock",), 180: ("clock", "clock"), -180: ("clock", "clock")}
"""How pictures are turned that a sibling shows turned, by its degrees against the clock."""
ASSUMED: Final = (30, 1)
CONTAINER: Final = "mov,mp4,m4a,3gp,3g2,mj2"
Codec = Literal["", "h264", "hevc"]
Sets = Annotated[tuple[Annotated[str, Field(max_length=6000)], ...], Field(max_length=64)]


class Sound(BaseModel):
    """How a decoder is set up for an intact recording's sound. `config` is its own, in base64; `rate` in hertz."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    codec: Literal["aac", "mp3", "pcm_s16le", "pcm_s16be", "pcm_u8", "pcm_alaw", "pcm_mulaw"]
    config: str = Field(default="", max_length=2000)
    rate: int = Field(ge=4000, le=192_000)
    channels: int = Field(ge=1, le=2)


class ParametersSaid(Saying):
    """How an intact recording is coded; `sets` are its pictures' parameter sets in base64."""

    codec: Codec = ""
    sets: Sets = ()
    rate: Ratio = None
    sound: Sound | None = None


class HeardSaid(Saying):
    """What was taken for sound, in bytes. Where it is plain samples: how many times more energy it has than prediction
    leaves, the same for the best other reading of it, and how loud it is, of full scale.
    """

    sound_taken: Count = 0
    sound_lost: Count = 0
    sound_gain: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    sound_rival: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    sound_level: float = Field(default=0.0, ge=0, allow_inf_nan=False)

    def is_like(self, codec: str) -> bool:
        """It sounds as sound does that is coded so: a frame says that of itself, plain samples have to show it."""
        if codec in PACKED:
            return True
        follows = self.sound_gain >= max(LEAST_GAIN, self.sound_rival)
        return self.sound_gain > 0 and (follows or self.sound_level < QUIET)


class LookSaid(HeardSaid):
    """What a look at the beginning of a broken file found. `faults` are pictures that a strict decoder refused."""

    codec: Codec = ""
    sets: Sets = ()
    own_sets: bool = False
    pictures: Count = 0
    decoded: Count = 0
    faults: Count = 0
    width: int = Field(default=0, ge=0, le=100_000)
    height: int = Field(default=0, ge=0, le=100_000)
    pixel_format: str | None = Field(default=None, max_length=100)
    profile: str | None = Field(default=None, max_length=100)
    reordered: bool = False
    rate: Ratio = None

    def sounds(self, codec: str) -> bool:
        """What lies between the pictures is sound that is coded so, nearly all of it."""
        whole = self.sound_taken > 0 and self.sound_lost <= MOST_LOST * (self.sound_taken + self.sound_lost)
        return whole and self.is_like(codec)

    @property
    def fits(self) -> bool:
        """Pictures come out of it, and nearly all as they went in."""
        return self.decoded > 0 and self.faults <= MOST_FAULTS * self.pictures


class WrittenSaid(HeardSaid):
    """What was taken out. Bytes: of the media in all, of the pictures found, of zeros that nobody wrote."""

    pictures: Count = 0
    total: Count = 0
    used: Count = 0
    blank: Count = 0
    cut: Count = 0
    sound_samples: Count = 0


class Repair(BaseModel):
    """By what a recording is repaired. `sibling` is the reference of the recording that its set-up is from; empty
    where it stands among the pictures. `rate` is made up from `rate_from`.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    codec: Literal["h264", "hevc"]
    sets: Sets
    sibling: str = ""
    rate: tuple[int, int]
    rate_from: Literal["stream", "sibling", "assumed"]
    sound: Sound | None = None
    sound_from: str = ""
    rotation: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What an intact recording of the same device lends: its reference, its pace, its sound, how it is turned."""

    reference: str = ""
    rate: Ratio = None
    sound: Sound | None = None
    rotation: int = 0


def worth_trying(verdict: Verdict, signature: Signature, facts: MediaFacts | None) -> bool:
    """An MP4 or QuickTime file that cannot be opened, and is not refused for what it asks for."""
    is_mp4 = signature.seems is Seems.MEDIA and "MP4" in signature.name
    return facts is None and verdict.condition is Condition.DAMAGED and is_mp4


def unrepaired(tried: int) -> str:
    """Why nothing was repaired and what would help, for a person. `tried`: how many intact recordings of the same
    device, or of its make and model, there are to go by.
    """
    again = "As soon as another one is kept, this is tried again by itself."
    if not tried:
        return (
            "No pictures could be taken out of it by itself, and no intact recording of the same device, or of its "
            f"make and model, is kept that would say how they are decoded. {again}"
        )
    return (
        "No pictures could be taken out of it, neither by itself nor decoded as the nearest intact recordings of the "
        f"same device, or of its make and model ({tried} kept). {again}"
    )


def repair_by(look: LookSaid, known: Known) -> Repair | None:
    """By what to repair, after a look; nothing where pictures do not come out as they should."""
    if not look.fits or not look.codec:
        return None
    said, theirs = _believed(look.rate), _believed(known.rate)
    offers = ((said if look.own_sets else None, "stream"), (theirs, "sibling"), (said, "stream"), (ASSUMED, "assumed"))
    pace, source = next((offer, name) for offer, name in offers if offer)
    heard = known.sound is not None and look.sounds(known.sound.codec)
    return Repair.model_validate(
        {
            "codec": look.codec,
            "sets": look.sets,
            "sibling": "" if look.own_sets else known.reference,
            "rate": pace,
            "rate_from": source,
            "sound": known.sound.model_dump() if known.sound and heard else None,
            "sound_from": known.reference if heard else "",
            "rotation": known.rotation,
        }
    )


def _believed(rate: Ratio) -> Ratio:
    """A rate that a camera can have; nothing otherwise."""
    return rate if rate and rate[1] > 0 and 1 <= rate[0] / rate[1] <= 240 else None


def facts_of(look: LookSaid, repair: Repair, size: int) -> MediaFacts:
    """What is known of the recording: its pictures, and no length. How its sound was coded is a sibling's word."""
    picture = StreamFacts(
        index=0,
        kind="video",
        codec=repair.codec,
        profile=look.profile,
        decoded=True,
        width=look.width,
        height=look.height,
        pixel_format=look.pixel_format,
        rate=repair.rate,
        reordered=look.reordered,
    )
    return MediaFacts(container=CONTAINER, size=size, streams=(picture,))


def plan(facts: MediaFacts, repair: Repair, *, longest_hours: float) -> Plan:
    """What is to be done, before anything is known of how much there is."""
    setup = f"as in {repair.sibling}, of the same device" if repair.sibling else "as it says among its pictures"
    return Plan(
        method=RenditionMethod.TRANSCODE,
        reason=f"the index was never written: pictures are looked for, and decoded {setup}; their times are estimated",
        content_type="video/mp4",
        file_name=REPAIRED,
        picture=0,
        limits=limits_for(facts, longest_hours=longest_hours),
        recipe=RECIPE,
    )


def encoding(facts: MediaFacts, repair: Repair, *, longest_hours: float) -> Plan:
    """How the pictures that were found become a playback copy: in the order of showing, evenly spaced."""
    shown = tuple(
        each.model_copy(update={"rotation": repair.rotation}) if each.kind == "video" else each
        for each in facts.streams
    )
    facts = facts.model_copy(update={"streams": shown})
    whole = transcode(facts, "its index was never written", limits_for(facts, longest_hours=longest_hours))
    numerator, denominator = repair.rate
    spaced = ("setpts", f"N*{denominator}/{numerator}/TB")
    return Plan(
        **{name: getattr(whole, name) for name in whole.__slots__ if name not in ("filters", "recipe")},
        filters=(spaced, *_turned(repair), *whole.filters),
        recipe=RECIPE,
    )


def _turned(repair: Repair) -> tuple[tuple[str, str], ...]:
    """The turn that the sibling's index asks for, which this recording's never said."""
    return tuple(("transpose", way) for way in TURNS.get(repair.rotation, ()))


def statement(repair: Repair, said: WrittenSaid, pictures: int) -> str:
    """What the repaired copy is, for a person; `pictures` are those that play."""
    written = max(said.total - said.blank, 1)
    share = 100 * (said.used + said.sound_taken) // written
    of = "what was written into the file" if said.blank else "the file"
    setup = f", decoded as in {repair.sibling} of the same device" if repair.sibling else ""
    sources = {
        "sibling": "as the device's other recordings have",
        "stream": "as its pictures say",
        "assumed": "a guess",
    }
    rate = float(Fraction(*repair.rate))
    times = f"times are estimated at {rate:.4g} a second, {sources[repair.rate_from]}"
    turned = f"; turned as in {repair.sibling or repair.sound_from}" if repair.rotation in TURNS else ""
    length = f"0 to {pictures / rate:.1f} s"
    return (
        f"Repaired copy: {pictures:,} pictures recovered from {share}% of {of} ({length}){setup}; {times}"
        f"{turned}; {_sound_in_words(repair, said, pictures / rate)}"
    )


def sound_is_believed(repair: Repair, said: WrittenSaid) -> bool:
    """What was taken for sound lasts about as long as the pictures, and nearly all of it was sound.

    Samples without a form of their own last as long as the pictures, or they are none.
    """
    if repair.sound is None or not said.sound_samples or not said.is_like(repair.sound.codec):
        return False
    heard, shown = said.sound_samples / repair.sound.rate, said.pictures / float(Fraction(*repair.rate))
    whole = said.sound_lost <= MOST_LOST * (said.sound_taken + said.sound_lost + said.blank)
    if repair.sound.codec not in PACKED:
        return whole and abs(heard - shown) <= max(0.5, DRIFT * shown)
    return whole and shown / 2 <= heard + 1 and heard <= 2 * shown + 1


def _sound_in_words(repair: Repair, said: WrittenSaid, seconds: float) -> str:
    if repair.sound is None or not said.sound_samples:
        return "there is no sound in it" if said.used + said.blank >= said.total else "sound not recovered"
    heard = said.sound_samples / repair.sound.rate
    drift = abs(heard - seconds) > max(1.0, DRIFT * seconds)
    beside = "; it is not as long as the pictures, so that both may drift apart" if drift else ""
    return f"{heard:.1f} s of sound recovered, decoded as in {repair.sound_from}{beside}"


def outcome(repair: Repair, said: WrittenSaid, pictures: int) -> Mapping[str, Any]:
    """For the rendition's row, beside what it was repaired by."""
    heard = repair.sound is not None and said.sound_samples > 0
    return {
        **repair.model_dump(mode="json"),
        "method": "units found by search in media without an index",
        "pictures": pictures,
        "pictures_found": said.pictures,
        "from_ms": 0,
        "to_ms": round(1000 * pictures / float(Fraction(*repair.rate))),
        "bytes_total": said.total,
        "bytes_used": said.used + said.sound_taken,
        "bytes_blank": said.blank,
        "cut_off": bool(said.cut),
        "made_up": ["times"],
        "sound": "recovered" if heard else "not recovered",
        "sound_ms": round(1000 * said.sound_samples / repair.sound.rate) if repair.sound and heard else 0,
        "sound_setup": repair.sound.model_dump(mode="json") if repair.sound and heard else None,
        "says": statement(repair, said, pictures),
    }
