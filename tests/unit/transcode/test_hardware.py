"""Which encoder is used, and how each is told the recipe. The outcomes are recorded ones, of a real trial."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from evidence.vocabulary import RenditionMethod
from transcode import ffmpeg
from transcode.hardware import KNOWN, LIBX264, Tried, choose, wanted
from transcode.plan import Limits, Plan
from transcode.sandbox import Wall

CUDA = Tried("nvenc", works=False, reason="h264_nvenc did not encode: [h264_nvenc] Cannot load libcuda.so.1")
NO_NODE = Tried("vaapi", works=False, reason="there is no /dev/dri/renderD128 on this host")
QSV = Tried("qsv", works=True, reason="h264_qsv encoded 30 pictures in 0.4 s")
VAAPI = Tried("vaapi", works=True, reason="h264_vaapi encoded 30 pictures in 0.5 s")
PLAN = Plan(
    method=RenditionMethod.TRANSCODE,
    reason="",
    content_type="video/mp4",
    file_name="playback.mp4",
    picture=0,
    sounds=(1,),
    filters=(("scale", "-2:720"), ("format", "yuv420p")),
    limits=Limits(seconds=1, cpu_seconds=1, file_size=1),
)


def test_the_first_that_works_is_used() -> None:
    choice = choose("auto", [CUDA, QSV, VAAPI])
    assert choice.encoder is KNOWN["qsv"]
    assert choice.found == ("h264_qsv", "h264_vaapi")
    assert choice.because == QSV.reason


def test_where_none_works_it_is_software_and_each_reason_is_told() -> None:
    choice = choose("auto", [CUDA, NO_NODE])
    assert choice.encoder is LIBX264
    assert choice.found == ()
    assert "Cannot load libcuda.so.1" in choice.because
    assert "there is no /dev/dri/renderD128" in choice.because


def test_an_encoder_that_was_named_and_does_not_work_is_software_too() -> None:
    assert wanted("nvenc") == ("nvenc",)
    assert choose("nvenc", [CUDA]).encoder is LIBX264


def test_software_alone_looks_for_nothing() -> None:
    assert wanted("software") == ()
    assert choose("software", []).encoder is LIBX264


def test_auto_tries_all() -> None:
    assert wanted("auto") == tuple(KNOWN)


@pytest.mark.parametrize("word", ["software", *KNOWN])
def test_every_encoder_keeps_the_recipe(word: str) -> None:
    known = KNOWN.get(word, LIBX264)
    told = ffmpeg.arguments(PLAN, Path("/in"), Path("/out"), known)
    pairs = dict(itertools.pairwise(told))
    assert pairs["-c:v"] == known.name
    assert (pairs["-bf"], pairs["-g"]) == ("0", "25"), "no frame out of order, a key frame every 25"
    assert (pairs["-enc_time_base:v"], pairs["-fps_mode"]) == ("demux", "passthrough"), "frames stay where they are"
    assert told[: len(known.before)] == list(known.before)


def test_devices_are_open_only_to_the_encoder_that_needs_them() -> None:
    wall = Wall(cpu_seconds=1, address_space=1 << 30, file_size=0, may_read=("/in",))
    assert ffmpeg.opened_for(LIBX264, wall) is wall
    opened = ffmpeg.opened_for(KNOWN["vaapi"], wall)
    assert opened.may_use == ("/dev/dri/renderD128",)
    assert opened.may_read[0] == "/in"
    assert opened.address_space > wall.address_space


def test_pictures_beside_do_not_go_through_the_device() -> None:
    told = " ".join(ffmpeg.arguments(PLAN, Path("/in"), Path("/out"), KNOWN["vaapi"]))
    assert "hwupload" in told
    assert "hwupload=" not in told
