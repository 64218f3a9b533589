"""Tiny true recordings, damage and traps, made by FFmpeg and byte by byte when a test first asks for them."""

from __future__ import annotations

import random
import struct
import subprocess
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import imageio_ffmpeg

from tests.support import coded_fields

TIME_LIMIT: Final = 120
PICTURE: Final = ("-f", "lavfi", "-i", "testsrc2=s=320x240:r=25:d=2")
TINY: Final = ("-f", "lavfi", "-i", "color=gray:s=64x64:r=25:d=1")
BARS: Final = ("-f", "lavfi", "-i", "testsrc=s=320x240:r=25:d=2")
LARGE: Final = ("-f", "lavfi", "-i", "testsrc2=s=1280x960:r=25:d=1")
ODD: Final = ("-f", "lavfi", "-i", "testsrc2=s=321x243:r=25:d=1")
SOUND: Final = ("-f", "lavfi", "-i", "sine=440:r=48000:d=2")
SWEEP: Final = ("-f", "lavfi", "-i", "aevalsrc=0.4*sin(900*t*t+600*t)|0.3*sin(700*t):s=48000:d=2")
TELEPHONE: Final = ("-f", "lavfi", "-i", "sine=440:r=8000:d=2")
FOUR: Final = ("-f", "lavfi", "-i", "aevalsrc=0.1*sin(880*t)|0.2*sin(990*t)|0.3*sin(660*t)|0.4*sin(550*t):s=16000:d=2")
H264: Final = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", "25", "-profile:v", "main")
PLAIN: Final = (*H264, "-bf", "0")
FULL: Final = ("-c:v", "libx264", "-preset", "ultrafast", "-color_range", "pc", "-colorspace", "bt709", "-g", "25")
REORDERED: Final = (*H264, "-bf", "2")
HEVC: Final = ("-c:v", "libx265", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-x265-params", "log-level=none")
AAC: Final = ("-c:a", "aac", "-b:a", "64k")
FRAGMENTS: Final = ("-movflags", "+frag_keyframe+empty_moov")
WRAPPING: Final = ("-output_ts_offset", "95441.3")
"""A transport stream's clock wraps at 2^33 / 90,000 seconds: about a second after its first picture."""

NTSC: Final = ("-f", "lavfi", "-i", "testsrc2=s=320x240:r=30000/1001:d=3")
QUICK: Final = ("-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-g", "20", "-bf", "2")

RECIPES: Final[Mapping[str, tuple[str, ...]]] = {
    "plain.mp4": (*PICTURE, *SOUND, *PLAIN, *AAC),
    "index-first.mp4": (*PICTURE, *SOUND, *PLAIN, *AAC, "-movflags", "+faststart"),
    "reordered.mp4": (*PICTURE, *SOUND, *REORDERED, *AAC),
    "fragmented.mp4": (*PICTURE, *SOUND, *PLAIN, *AAC, *FRAGMENTS),
    "fragmented-reordered.mp4": (*PICTURE, *SOUND, *REORDERED, *AAC, *FRAGMENTS),
    "silent.mp4": (*PICTURE, *PLAIN),
    "sweep.mp4": (*PICTURE, *SWEEP, *REORDERED, "-c:a", "aac", "-b:a", "96k"),
    "sweep-repeats.mp4": (*PICTURE, *SWEEP, *REORDERED, "-bsf:v", "dump_extra", "-c:a", "aac", "-b:a", "96k"),
    "sweep-plain.mp4": (*PICTURE, *SWEEP, *PLAIN, *AAC),
    "samples.mov": (*PICTURE, *SWEEP, *PLAIN, "-c:a", "pcm_s16le"),
    "alaw.mov": (*PICTURE, *SWEEP, *PLAIN, "-c:a", "pcm_alaw", "-ar", "8000", "-ac", "1"),
    "uneven.mp4": (*PICTURE, "-vf", "select='not(between(mod(n,20),5,11))'", "-fps_mode", "passthrough", *PLAIN),
    "hevc.mp4": (*PICTURE, *SOUND, *HEVC, *AAC, "-tag:v", "hvc1"),
    "repeats.mp4": (*PICTURE, *SOUND, *REORDERED, "-bsf:v", "dump_extra", *AAC),
    "hevc-repeats.mp4": (*PICTURE, *SOUND, *HEVC, "-bsf:v", "dump_extra", *AAC),
    "other-camera.mp4": (*LARGE, *H264, "-profile:v", "high", "-bf", "3", "-coder", "0"),
    "hevc-large.mp4": (*LARGE, *TELEPHONE, *HEVC, *AAC, "-shortest"),
    "asp.avi": (*PICTURE, *SOUND, "-c:v", "mpeg4", "-vtag", "XVID", "-bf", "2", "-c:a", "libmp3lame"),
    "mjpeg.avi": (*PICTURE, *TELEPHONE, "-c:v", "mjpeg", "-c:a", "pcm_u8"),
    "odd.avi": (*ODD, "-c:v", "mjpeg", "-pix_fmt", "yuvj444p"),
    "ntsc.mp4": (*NTSC, *SOUND, *QUICK, *AAC),
    "ntsc.ts": (*NTSC, *SOUND, *QUICK, *AAC),
    "ntsc.mkv": (*NTSC, *SOUND, *QUICK, *AAC),
    "ntsc-uneven.mp4": (*NTSC, "-vf", "select='not(between(mod(n,20),5,11))'", "-fps_mode", "passthrough", *QUICK),
    "ntsc-alaw.mov": (*NTSC, *TELEPHONE, *QUICK, "-c:a", "pcm_alaw"),
    "open-gop.mp4": (*NTSC, *SOUND, *QUICK, "-x264-params", "open-gop=1", *AAC),
    "open-gop.ts": (*NTSC, *SOUND, *QUICK, "-x264-params", "open-gop=1", "-c:a", "mp2"),
    "low.ts": (*PICTURE, "-f", "lavfi", "-i", "sine=300:r=48000:d=2", *REORDERED, "-c:a", "mp2"),
    "high.ts": (*BARS, "-f", "lavfi", "-i", "sine=1500:r=48000:d=2", *REORDERED, "-c:a", "mp2"),
    "low-alone.ts": ("-f", "lavfi", "-i", "sine=300:r=48000:d=2", *AAC),
    "full-range.mp4": (*PICTURE, "-vf", "scale=out_range=pc:out_color_matrix=bt709,format=yuvj420p", *FULL),
    "interlaced-h264.mp4": (*PICTURE, *QUICK, "-vf", "tinterlace=interleave_top", "-flags", "+ildct+ilme"),
    "bare.h264": (*NTSC, *QUICK),
    "bare.hevc": (*NTSC, *HEVC),
    "mpeg2.ts": (*PICTURE, *SOUND, "-c:v", "mpeg2video", "-c:a", "mp2"),
    "interlaced.ts": (*PICTURE, "-vf", "tinterlace=interleave_top", "-c:v", "mpeg2video", "-flags", "+ildct+ilme"),
    "in-order.ts": (*PICTURE, *SOUND, *PLAIN, *AAC),
    "h264.ts": (*PICTURE, *SOUND, *REORDERED, *AAC),
    "h264-wrapping.ts": (*PICTURE, *SOUND, *REORDERED, *AAC, *WRAPPING),
    "mpeg2-wrapping.ts": (*PICTURE, *SOUND, "-c:v", "mpeg2video", "-c:a", "mp2", *WRAPPING),
    "one-picture.ts": (*PICTURE, *QUICK, "-frames:v", "1"),
    "tiny.ts": (*TINY, *QUICK, "-frames:v", "2"),
    "tiny-mpeg2.ts": (*TINY, "-c:v", "mpeg2video", "-frames:v", "2"),
    "two-pictures.ts": (*PICTURE, *SOUND, *QUICK, *AAC, "-t", "0.08"),
    "h264.mkv": (*PICTURE, *SOUND, *REORDERED, *AAC),
    "h264.flv": (*PICTURE, *SOUND, *PLAIN, *AAC, "-ar", "44100"),
    "h264-alaw.mkv": (*PICTURE, *TELEPHONE, *PLAIN, "-c:a", "pcm_alaw"),
    "two-sounds.mkv": (*PICTURE, *SOUND, *TELEPHONE, "-map", "0", "-map", "1", "-map", "2", *PLAIN, *AAC),
    "webm.webm": (*PICTURE, *SOUND, "-c:v", "libvpx", "-deadline", "realtime", "-c:a", "libopus"),
    "gap.mov": (*PICTURE, "-vf", "setpts=N+gte(N\\,25)*450000", "-fps_mode", "passthrough", "-c:v", "mjpeg"),
    "speech.wav": (*TELEPHONE, "-c:a", "pcm_s16le"),
    "adpcm.wav": (*TELEPHONE, "-c:a", "adpcm_ima_wav"),
    "four.wav": (*FOUR, "-c:a", "pcm_s16le"),
    "four.mkv": (*PICTURE, *FOUR, *HEVC, "-c:a", "pcm_s16le"),
    "speech.mp3": (*SOUND, "-c:a", "libmp3lame"),
    "speech.m4a": (*SOUND, *AAC),
    "speech.aac": (*SOUND, *AAC),
    "speech.flac": (*SOUND, "-c:a", "flac"),
    "speech.amr": (*TELEPHONE, "-c:a", "libopencore_amrnb", "-ar", "8000", "-ac", "1"),
}

PLAYS_AS_IT_IS: Final = (
    "plain.mp4", "index-first.mp4", "reordered.mp4", "fragmented.mp4", "silent.mp4", "uneven.mp4", "webm.webm",
    "speech.wav", "four.wav", "speech.mp3", "speech.m4a", "speech.flac",
)  # fmt: skip
COPIED: Final = (
    "fragmented-reordered.mp4", "in-order.ts", "h264.ts", "h264.mkv", "h264.flv", "h264-alaw.mkv", "two-sounds.mkv",
    "speech.aac",
)  # fmt: skip
ENCODED: Final = (
    "hevc.mp4", "hevc-large.mp4", "asp.avi", "mjpeg.avi", "odd.avi", "mpeg2.ts", "interlaced.ts", "gap.mov",
    "adpcm.wav", "four.mkv", "speech.amr",
)  # fmt: skip

POINTERS: Final[Mapping[str, bytes]] = {
    "hls.mp4": b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nneighbour.ts\n#EXT-X-ENDLIST\n",
    "hls-absolute.mp4": b"#EXTM3U\n#EXTINF:10,\nfile:///etc/issue\n#EXT-X-ENDLIST\n",
    "hls-net.mp4": b"#EXTM3U\n#EXTINF:10,\nhttp://127.0.0.1:8099/a.ts\n#EXT-X-ENDLIST\n",
    "hls-bom.mp4": b"\xef\xbb\xbf#EXTM3U\n#EXTINF:10,\nneighbour.ts\n",
    "hls-late.mp4": b"\n" * 5000 + b"#EXTM3U\n#EXTINF:10,\nneighbour.ts\n",
    "concat.mp4": b"ffconcat version 1.0\nfile neighbour.ts\n",
    "concat-plain.mkv": b"file 'neighbour.ts'\nfile 'neighbour.ts'\n",
    "sdp.mp4": b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=video 8099 RTP/AVP 96\r\n",
    "vobsub.mp4": b"# VobSub index file, v7\nid: en, index: 0\ntimestamp: 00:00:00:000, filepos: 0\n",
    "dash.mp4": b'<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg"><BaseURL>neighbour.ts</BaseURL></MPD>\n',
    "asx.asf": b'<asx version="3.0"><entry><ref href="http://127.0.0.1:8099/"/></entry></asx>\n',
}


class Footage:
    """Makes files in one folder, each once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ffmpeg = imageio_ffmpeg.get_ffmpeg_exe()
        self._makers: dict[str, Callable[[], bytes]] = {
            "empty.mp4": lambda: b"",
            "one-byte.mp4": lambda: b"\x07",
            "zeros.mp4": lambda: bytes(65536),
            "text.mp4": lambda: "Hello, this is no video – only words.\n".encode() * 40,
            "web-page.mp4": lambda: b"<!DOCTYPE html><html><body>hello</body></html>",
            "sealed.mkv": lambda: b"\x11\x92" + random.Random(7).randbytes(65534),  # noqa: S311 - noise, not a secret
            "key.key": lambda: b'{"EncryptedKey":"AAAA","ContentEncryptionIV":"BBBB","PublicKeyId":"1"}',
            "truncated.mp4": lambda: self._half("index-first.mp4"),
            "no-index.mp4": lambda: self._half("plain.mp4"),
            "no-moov.mp4": lambda: without_index(self.of("reordered.mp4").read_bytes()),
            "no-moov-silent.mp4": lambda: without_index(self.of("silent.mp4").read_bytes()),
            "no-moov-hevc.mp4": lambda: without_index(self.of("hevc.mp4").read_bytes()),
            "no-moov-repeats.mp4": lambda: without_index(self.of("repeats.mp4").read_bytes()),
            "no-moov-hevc-repeats.mp4": lambda: without_index(self.of("hevc-repeats.mp4").read_bytes()),
            "no-moov-sweep.mp4": lambda: without_index(self.of("sweep.mp4").read_bytes()),
            "no-moov-sweep-repeats.mp4": lambda: without_index(self.of("sweep-repeats.mp4").read_bytes()),
            "no-moov-samples.mov": lambda: without_index(self.of("samples.mov").read_bytes()),
            "no-moov-sweep-plain.mp4": lambda: without_index(self.of("sweep-plain.mp4").read_bytes()),
            "no-moov-alaw.mov": lambda: without_index(self.of("alaw.mov").read_bytes()),
            "turned.mp4": self._turned,
            "cut-repeats.mp4": lambda: self._half("repeats.mp4"),
            "reserved.mp4": lambda: self._half("repeats.mp4") + bytes(1 << 18),
            "mid-group.ts": lambda: self.of("open-gop.ts").read_bytes()[188 * 200 :],
            "clock-again.ts": lambda: self.of("low.ts").read_bytes() + self.of("high.ts").read_bytes(),
            "clock-again-alone.ts": lambda: 2 * self.of("low-alone.ts").read_bytes(),
            "fields.ts": lambda: coded_fields.stream(25),
            "fields.h264": lambda: coded_fields.bare(25),
            "disordered.mp4": lambda: coded_fields.disordered(self.of("hevc.mp4").read_bytes(), [6]),
            "torn.mp4": lambda: torn(without_index(self.of("repeats.mp4").read_bytes())),
            "truncated.ts": lambda: self._half("h264.ts"),
            "truncated.avi": lambda: self._half("mjpeg.avi"),
            "truncated-fragmented.mp4": lambda: self._half("fragmented.mp4"),
            "truncated.mkv": lambda: self._half("h264.mkv"),
            "truncated.wav": lambda: self._half("speech.wav"),
            "damaged.mp4": lambda: damaged(self.of("index-first.mp4").read_bytes()),
            "picture-bomb.mov": self._picture_bomb,
            "many-streams.ts": lambda: b"G" + bytes(187) * 3,
        }

    def of(self, name: str) -> Path:
        """The file of that name. Raises KeyError for one that nobody has described."""
        path = self.folder / name
        if path.exists():
            return path
        if name in RECIPES:
            self._run(*RECIPES[name], str(path))
        else:
            path.write_bytes(POINTERS[name] if name in POINTERS else self._makers[name]())
        return path

    def _run(self, *told: str) -> None:
        command = [self._ffmpeg, "-nostdin", "-v", "error", "-y", "-bitexact", *told]
        subprocess.run(command, check=True, timeout=TIME_LIMIT, capture_output=True)

    def _half(self, name: str) -> bytes:
        whole = self.of(name).read_bytes()
        return whole[: len(whole) // 2]

    def _turned(self) -> bytes:
        """A recording whose camera was worn on its side, and says so in its index."""
        path = self.folder / "turning.mp4"
        self._run("-display_rotation", "90", "-i", str(self.of("sweep.mp4")), "-c", "copy", str(path))
        return path.read_bytes()

    def _picture_bomb(self) -> bytes:
        """A movie track whose one picture is 108 million pixels in some hundred kilobytes."""
        picture, movie = self.folder / "bomb.png", self.folder / "bomb.mov"
        picture.write_bytes(png(12_000, 9_000))
        self._run("-i", str(picture), "-c", "copy", str(movie))
        return movie.read_bytes()


def without_index(body: bytes) -> bytes:
    """The same file as its camera leaves it when the battery is pulled: the index was to come last."""
    return body[: body.rindex(b"moov") - 4]


def torn(body: bytes) -> bytes:
    """The same file with a piece out of its middle never written."""
    middle = len(body) // 2
    return body[:middle] + bytes(3000) + body[middle + 3000 :]


def damaged(body: bytes) -> bytes:
    """The same file with bytes turned over in its media, not in its index."""
    where = random.Random(3)  # noqa: S311 - the same damage each time
    broken, begin = bytearray(body), body.index(b"mdat") + 2000
    for place in (where.randrange(begin, len(body)) for _ in range(60)):
        broken[place] ^= 0xFF
    return bytes(broken)


def png(width: int, height: int) -> bytes:
    """A grey picture that is nothing but zeros."""
    coder = zlib.compressobj(9)
    row = bytes(width + 1)
    data = b"".join(coder.compress(row) for _ in range(height)) + coder.flush()
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", data), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )
