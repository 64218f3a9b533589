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
