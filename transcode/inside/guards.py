"""What any tool may open, and how large it may be: the same for PyAV inside and for FFmpeg's command line.

Nothing is imported here, so that the parent can read the numbers without loading PyAV.
"""

FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,avi,matroska,webm,mpegts,mpeg,mpegvideo,wav,mp3,asf,flv,aac,amr,amrnb,amrwb,"
    "h264,hevc,m4v,ogg,flac,mxf,w64,caf,gsm"
)
"""The demuxers that may open a master. Not one of them follows a name to another file."""
MAX_PIXELS = 50_000_000
"""Above the largest camera: 8K is 33 million."""
MAX_STREAMS = 32
READ_AHEAD_BYTES = 20 << 20
"""So many bytes of packets are read, where a track begins late, to know what it is: they fit in what a child keeps."""
READ_AHEAD_MICROSECONDS = 300_000_000
"""So far in a track's own time. FFmpeg by itself looks at 7 seconds, or 5 MB, of a transport stream."""
READ_AHEAD_OF_FILE = 2 * READ_AHEAD_BYTES
"""So much of the file that is for: a stream of constant rate may be padded with many times what its packets hold."""
MOST_READ_AHEAD = 2 * READ_AHEAD_OF_FILE
"""So many bytes are read for it at the very most, whatever the file says of its length."""
SHORT = 10 * 204
"""Bytes below which FFmpeg does not count the packets of a transport stream, and guesses by what is in the first."""


def kind_of_short(beginning: bytes) -> str | None:
    """The demuxer of a transport stream too short for FFmpeg to know it: a packet every 188 bytes, to the very end."""
    marks = beginning[::188]
    return "mpegts" if len(beginning) < SHORT and len(marks) > 2 and set(marks) == {0x47} else None
