"""How a master becomes playable, and why."""

from __future__ import annotations

from typing import Any

import pytest

from evidence.vocabulary import Condition, RenditionMethod
from transcode.media import MediaFacts
from transcode.plan import Plan, Unplayable, decide, fallback

MP4 = "mov,mp4,m4a,3gp,3g2,mj2"


def picture(**more: Any) -> dict[str, Any]:
    facts = {
        "index": 0, "kind": "video", "codec": "h264", "profile": "High", "pixel_format": "yuv420p", "decoded": True,
        "width": 1920, "height": 1080, "rate": (30, 1), "duration_ms": 10_000, "frames": 300, "widest_gap_ms": 33,
    }  # fmt: skip
    return facts | more


def sound(**more: Any) -> dict[str, Any]:
    facts = {
        "index": 1, "kind": "audio", "codec": "aac", "decoded": True, "channels": 2, "sample_rate": 48000,
        "duration_ms": 10_000, "indexed": 430, "widest_gap_ms": 23,
    }  # fmt: skip
    return facts | more


def facts(*streams: dict[str, Any], container: str = MP4, **more: Any) -> MediaFacts:
    return MediaFacts(container=container, size=10_000_000, duration_ms=10_000, streams=streams, **more)


def plan(*streams: dict[str, Any], condition: Condition = Condition.SOUND, **more: Any) -> Plan:
    decided = decide(facts(*streams, **more), condition)
    assert isinstance(decided, Plan)
    return decided


def test_what_a_browser_plays_is_served_as_it_is() -> None:
    decided = plan(picture(), sound())
    assert decided.method is RenditionMethod.DIRECT
    assert decided.content_type == "video/mp4"
    assert not decided.file_name


@pytest.mark.parametrize("container", ["matroska,webm", "mpegts", "flv", "avi"])
def test_the_wrong_container_is_changed_and_nothing_else(container: str) -> None:
    decided = plan(picture(), sound(), container=container)
    assert decided.method is RenditionMethod.REMUX
    assert not decided.with_ffmpeg
    assert (decided.picture, decided.sounds) == (0, (1,))


def test_reordered_pictures_are_not_left_in_fragments() -> None:
    decided = plan(picture(reordered=True), sound(), fragmented=True)
    assert decided.method is RenditionMethod.REMUX
    assert not decided.fragmented


def test_telephone_sound_is_encoded_and_its_pictures_are_copied() -> None:
    decided = plan(picture(), sound(codec="pcm_alaw"), container="matroska,webm")
    assert decided.method is RenditionMethod.REMUX
    assert decided.with_ffmpeg
    assert not decided.filters
    assert "pcm_alaw" in decided.reason


@pytest.mark.parametrize(
    "strange",
    [
        {"codec": "hevc"},
        {"codec": "mpeg4"},
        {"profile": "High 10", "pixel_format": "yuv420p10le"},
        {"profile": "High 4:4:4 Predictive", "pixel_format": "yuv444p"},
        {"width": 7680, "height": 4320},
        {"widest_gap_ms": 0},
    ],
)
def test_what_browsers_do_not_play_is_encoded(strange: dict[str, Any]) -> None:
    decided = plan(picture(**strange), sound())
    assert decided.method is RenditionMethod.TRANSCODE
    assert decided.pictures is not None
    assert decided.waveform_channels == 2


def test_a_damaged_master_is_encoded_so_that_no_player_stops() -> None:
    assert plan(picture(), sound(), condition=Condition.DAMAGED).method is RenditionMethod.TRANSCODE


def test_interlaced_pictures_keep_their_number() -> None:
    filters = plan(picture(codec="mpeg2video", interlaced=True)).filters
    assert filters[0] == ("yadif", "mode=send_frame:deint=interlaced")


@pytest.mark.parametrize(
    ("size", "scale"),
    [
        ({"width": 1920, "height": 1080}, ("scale", "-2:720")),
        ({"width": 1920, "height": 1080, "rotation": -90}, ("scale", "720:-2")),
        ({"width": 1376, "height": 1840}, ("scale", "720:-2")),
        ({"width": 640, "height": 480}, None),
        ({"width": 321, "height": 243}, ("scale", "max(2\\,trunc(iw/2)*2):max(2\\,trunc(ih/2)*2)")),
    ],
)
def test_the_short_side_is_brought_down_and_never_up(size: dict[str, int], scale: tuple[str, str] | None) -> None:
    filters = dict(plan(picture(codec="hevc", **size)).filters)
    assert filters.get("scale") == (scale[1] if scale else None)
    assert filters["format"] == "yuv420p"


def test_four_channels_keep_their_order_and_six_are_mixed() -> None:
    four = plan(sound(index=0, codec="wmav2", channels=4), container="asf")
    six = plan(sound(index=0, codec="ac3", channels=6))
    assert four.sound_filters == ((0, "channelmap=map=0|1|2|3:channel_layout=quad"),)
    assert six.sound_filters == ((0, "aformat=channel_layouts=stereo"),)


def test_every_sound_track_is_kept() -> None:
    decided = plan(picture(codec="hevc"), sound(), sound(index=2), sound(index=5))
    assert decided.sounds == (1, 2, 5)


@pytest.mark.parametrize(
    ("container", "codec", "content_type"),
    [
        ("wav", "pcm_s16le", "audio/wav"),
        ("mp3", "mp3", "audio/mpeg"),
        ("flac", "flac", "audio/flac"),
        (MP4, "aac", "audio/mp4"),
    ],
)
def test_sound_that_plays_is_served_as_it_is(container: str, codec: str, content_type: str) -> None:
    decided = plan(sound(index=0, codec=codec), container=container)
    assert (decided.method, decided.content_type) == (RenditionMethod.DIRECT, content_type)


def test_a_cover_picture_is_not_a_film() -> None:
    cover = picture(index=1, codec="png", attached_picture=True)
    assert plan(sound(index=0, codec="mp3"), cover, container="mp3").content_type == "audio/mpeg"


def test_sound_whose_packets_claim_one_moment_is_played_without_gaps() -> None:
    decided = plan(picture(), sound(codec="mp3", widest_gap_ms=0), container="avi")
    assert decided.encode_sound
    assert decided.sound_filters == ((1, "asetpts=N/SR/TB"),)


def test_nothing_is_made_of_what_cannot_be_decoded() -> None:
    assert isinstance(decide(None, Condition.UNKNOWN), Unplayable)
    assert isinstance(decide(facts(picture(decoded=False)), Condition.DAMAGED), Unplayable)


def test_a_gap_of_hours_is_not_filled_with_pictures() -> None:
    assert plan(picture(codec="mjpeg", widest_gap_ms=5 * 3600 * 1000)).pictures is None


def test_a_header_that_claims_billions_of_frames_gets_no_room_for_them() -> None:
    honest = plan(picture(codec="mjpeg"))
    boaster = plan(picture(codec="mjpeg", frames=2_000_000_000))
    assert boaster.limits.file_size < 6 * honest.limits.file_size


def test_more_pixels_get_more_time_up_to_the_queue_s_limit() -> None:
    small, large = plan(picture(codec="hevc")), plan(picture(codec="hevc", width=3840, height=2160))
    assert small.limits.seconds < large.limits.seconds
    capped = decide(facts(picture(codec="hevc")), Condition.SOUND, longest_hours=0.01)
    assert isinstance(capped, Plan)
    assert capped.limits.seconds == pytest.approx(36)


def test_a_copy_that_did_not_succeed_becomes_an_encoding() -> None:
    again = fallback(facts(picture(), sound(), container="mpegts"), "copying did not succeed")
    assert again.method is RenditionMethod.TRANSCODE
    assert "copying did not succeed" in again.reason
