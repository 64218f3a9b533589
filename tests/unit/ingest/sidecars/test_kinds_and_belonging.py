"""Which files are sidecars, and beside which recordings they lie."""

from __future__ import annotations

import time

import pytest

from ingest.sidecars import Listing, SidecarKind, belongs_to, kind_of

CONTAINER = "1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed_B8A44F000001_20260314T090700Z"
CLIP = f"{CONTAINER}/20260314_090700_a1b2.mkv"
SECOND_CLIP = f"{CONTAINER}/20260314_093700_c3d4.mkv"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (f"{CONTAINER}/{CONTAINER}.metadata.json", SidecarKind.AXIS_METADATA),
        (f"{CONTAINER}/{CONTAINER}.20260314_090700_a1b2.mkv.metadata.json", SidecarKind.AXIS_METADATA),
        ("Devices/Devices.B8A44F000001.metadata.json", SidecarKind.AXIS_METADATA),
        (f"{CONTAINER}/20260314_090700_a1b2_B8A44F000001_gpstrail.json", SidecarKind.AXIS_GPSTRAIL),
        (f"{CONTAINER}/bookmark_20260314T090700Z_1", SidecarKind.AXIS_BOOKMARK),
        (f"{CONTAINER}/20260314_090700_a1b2.key", SidecarKind.AXIS_KEY),
        (f"{CONTAINER}/20260314_090700_a1b2_B8A44F000001_gpstrail.key", SidecarKind.AXIS_KEY),
        (f"{CONTAINER}/complete", SidecarKind.AXIS_COMPLETE),
        ("JaneSmith_202601011200_BWL9999999-3.json", SidecarKind.MOTOROLA_JSON),
        ("JaneSmith_202601011200_BWL9999999-3.VTT", SidecarKind.MOTOROLA_VTT),
        ("Table_of_Contents.xlsx", SidecarKind.AXON_CONTENTS),
        ("Transcript_for_Axon_Body_4.txt", SidecarKind.AXON_TRANSCRIPT),
        ("clip_transcript.docx", SidecarKind.AXON_TRANSCRIPT),
        ("clip.gpx", SidecarKind.GPX),
        ("clip.NMEA", SidecarKind.NMEA),
        ("clip.mp4.sha256", SidecarKind.HASH_LIST),
        ("SHA256SUMS", SidecarKind.HASH_LIST),
        ("md5sum.txt", SidecarKind.HASH_LIST),
        ("clip.vtt", SidecarKind.WEBVTT),
        ("INT-0001.xml", SidecarKind.XML),
        ("clip.json", SidecarKind.JSON),
        ("list.csv", SidecarKind.CSV),
        ("clip.mp4", None),
        ("GH010042.LRV", None),
        ("complete", None),
        ("some folder/complete", None),
        ("server.key", None),
        ("notes.txt", None),
        (".json", None),
        ("json", None),
        ("", None),
        ("bookmark_mine", None),
        ("gpx/clip.mp4", None),
    ],
)
def test_a_sidecar_is_known_by_its_name(name: str, kind: SidecarKind | None) -> None:
    assert kind_of(name.encode()) is kind


def test_a_line_feed_in_a_name_hides_no_ending() -> None:
    assert kind_of(b"a\nb.sha256") is SidecarKind.HASH_LIST
    assert kind_of(b"\xff\xfe.gpx") is SidecarKind.GPX


@pytest.mark.parametrize(
    ("sidecar", "clips"),
    [
        (f"{CONTAINER}.metadata.json", [CLIP, SECOND_CLIP]),
        ("complete", [CLIP, SECOND_CLIP]),
        ("bookmark_20260314T090700Z_1", [CLIP, SECOND_CLIP]),
        (f"{CONTAINER}.bookmark_20260314T090700Z_1.metadata.json", [CLIP, SECOND_CLIP]),
        (f"{CONTAINER}.20260314_090700_a1b2.mkv.metadata.json", [CLIP]),
        (f"{CONTAINER}.20260314_093700_c3d4.mkv.metadata.json", [SECOND_CLIP]),
        ("20260314_090700_a1b2_B8A44F000001_gpstrail.json", [CLIP]),
        (f"{CONTAINER}.20260314_090700_a1b2_B8A44F000001_gpstrail.json.metadata.json", [CLIP]),
        ("20260314_090700_a1b2_B8A44F000001_gpstrail.key", [CLIP]),
        ("20260314_093700_c3d4.key", [SECOND_CLIP]),
        (f"{CONTAINER}.20260314_093700_c3d4.key.metadata.json", [SECOND_CLIP]),
        (f"{CONTAINER}.20260314_111111_zzzz.mkv.metadata.json", []),
    ],
)
def test_an_axis_sidecar_finds_its_clips(sidecar: str, clips: list[str]) -> None:
    whole = f"{CONTAINER}/{sidecar}".encode()
    listing = Listing([CLIP.encode(), SECOND_CLIP.encode(), whole, b"elsewhere/20260314_090700_a1b2.mkv"])
    assert listing.recordings_of(whole) == tuple(clip.encode() for clip in clips)


@pytest.mark.parametrize(
    ("sidecar", "others", "found"),
    [
        ("a/clip.gpx", ["a/clip.mp4", "b/clip.mp4"], "a/clip.mp4"),
        ("a/clip.mp4.sha256", ["a/clip.avi", "a/clip.mp4"], "a/clip.mp4"),
        ("a/CLIP.GPX", ["a/clip.mp4"], "a/clip.mp4"),
        ("a/clip.gpx", ["a/CLIP.mp4", "a/clip.mov"], "a/clip.mov"),
        ("a/INT-0001.xml", ["a/INT-0001_cam1.mp4", "a/INT-0001_mic2.wav"], "a/INT-0001_cam1.mp4"),
        ("a/INT-0001.gpx", ["a/INT-0001_cam1.mp4"], None),
        ("a/Transcript_for_clip.txt", ["a/clip.mp4"], "a/clip.mp4"),
        ("a/clip_transcript.docx", ["a/clip.mp4"], "a/clip.mp4"),
        (
            "a/JaneSmith_202601011200_BWL1-3.vtt",
            ["a/JaneSmith_202601011200_BWL1-3.mp4"],
            "a/JaneSmith_202601011200_BWL1-3.mp4",
        ),
        ("a/SHA256SUMS", ["a/clip.mp4"], None),
        ("a/clip.gpx", ["a/clip.json"], None),
        ("a/clip.mp4", ["a/clip.mp4"], None),
        ("a/clip.gpx", [], None),
    ],
)
def test_a_sidecar_finds_the_recording_it_is_named_for(sidecar: str, others: list[str], found: str | None) -> None:
    names = [other.encode() for other in others]
    assert belongs_to(sidecar.encode(), names) == (found.encode() if found else None)


def test_a_full_card_is_matched_at_once() -> None:
    names = [f"DCIM/{number:06}.{ending}".encode() for number in range(20_000) for ending in ("mp4", "gpx")]
    began = time.monotonic()
    listing = Listing(names)
    assert all(listing.recordings_of(name) for name in names if name.endswith(b"gpx"))
    assert time.monotonic() - began < 10
