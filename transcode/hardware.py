"""Hardware encoders: which there are, how each is told the recipe, and which one is used. Pure.

The recipe's guarantees hold for each: no frames out of order, a key frame every 25, each frame at its own time. A
hardware encoder is used only after it has really encoded some pictures on this host (`transcode.trying`), and its
output is held against the master like any other. Where it fails, software is the answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

SOFTWARE: Final = "libx264"
STRIKES: Final = 3
"""Failures in a row after which a process no longer tries its hardware."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoder:
    """One H.264 encoder as FFmpeg names it.

    `options` are the output's, `filters` come after the recipe's own, `globals` stand before the input. `devices`
    are opened to the child, and `reads` are what its driver looks at: only while this encoder is used.
    """

    name: str
    options: Mapping[str, Any]
    filters: tuple[tuple[str, str], ...] = ()
    before: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    address_space: int = 0

    @property
    def is_hardware(self) -> bool:
        """Whether a device does the work."""
        return self.name != SOFTWARE


LIBX264: Final = Encoder(
    name=SOFTWARE,
    options={
        "c:v": SOFTWARE, "preset": "veryfast", "crf": 23, "profile:v": "high", "sc_threshold": 0,
        # More threads cost more for each picture, and would make the bytes depend on how many cores a host has.
        "threads:v": 1,
    },
)  # fmt: skip
RENDER_NODE: Final = "/dev/dri/renderD128"
DRM: Final = ("/sys/dev/char", "/sys/class/drm", "/sys/devices", "/usr/share/libdrm", "/etc/drirc")
NVIDIA: Final = ("/dev/nvidia0", "/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia-uvm-tools", "/dev/nvidia-modeset")
# Unified memory reserves address space far beyond any memory: a limit that stops a bomb would stop every encode.
UNIFIED: Final = 1 << 46
SHARED: Final = 16 << 30

KNOWN: Final[Mapping[str, Encoder]] = {
    "nvenc": Encoder(
        name="h264_nvenc",
        options={
            "c:v": "h264_nvenc", "preset": "p4", "rc": "vbr", "cq": 23, "b:v": 0, "profile:v": "high",
            "no-scenecut": 1, "forced-idr": 1, "strict_gop": 1,
        },
        devices=NVIDIA,
        reads=("/proc/driver/nvidia", "/proc/devices", "/proc/modules", "/proc/self", "/sys/devices", "/etc/nvidia"),
        address_space=UNIFIED,
    ),
    "qsv": Encoder(
        name="h264_qsv",
        options={"c:v": "h264_qsv", "preset": "veryfast", "global_quality": 23, "profile:v": "high", "idr_interval": 0},
        filters=(("format", "nv12"),),
        before=("-init_hw_device", f"qsv=qs:hw,child_device={RENDER_NODE}"),
        devices=(RENDER_NODE,),
        reads=DRM,
        address_space=SHARED,
    ),
    "vaapi": Encoder(
        name="h264_vaapi",
        options={"c:v": "h264_vaapi", "rc_mode": "CQP", "qp": 23, "profile:v": "high", "idr_interval": 0},
        filters=(("format", "nv12"), ("hwupload", "")),
        before=("-init_hw_device", f"vaapi=va:{RENDER_NODE}", "-filter_hw_device", "va"),
        devices=(RENDER_NODE,),
        reads=DRM,
        address_space=SHARED,
    ),
}  # fmt: skip
"""By the word of the setting, in the order of preference."""


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of trying an encoder on this host."""

    word: str
    works: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Choice:
    """The encoder of this process and why, in words for a person. `found` are the hardware encoders that work."""

    encoder: Encoder
    because: str
    found: tuple[str, ...] = ()

    def as_facts(self) -> dict[str, Any]:
        """For the status page."""
        return {"hardware_encoders": list(self.found), "encoder": self.encoder.name, "encoder_because": self.because}


def wanted(setting: str) -> tuple[str, ...]:
    """Which encoders are worth trying under this setting."""
    if setting == "software":
        return ()
    return tuple(KNOWN) if setting == "auto" else (setting,)


def choose(setting: str, tried: Sequence[Tried]) -> Choice:
    """The first that works of those that the setting allows; else software, with what each of them said."""
    if setting == "software":
        return Choice(LIBX264, "CONTINUITY_TRANSCODE_ENCODER says software; hardware was not looked for")
    found = tuple(KNOWN[each.word].name for each in tried if each.works)
    refused = "; ".join(f"{each.word}: {each.reason}" for each in tried if not each.works)
    first = next((each for each in tried if each.works), None)
    if first is None:
        return Choice(LIBX264, f"no hardware encoder works here ({refused})")
    return Choice(KNOWN[first.word], first.reason, found)
