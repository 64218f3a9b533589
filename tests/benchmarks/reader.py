"""`reader.py URL SIZE [HEADER]...`: read an answer to its end and throw it away; fails unless it had so many bytes."""

from __future__ import annotations

import sys

import urllib3

PIECE = 1 << 20


def main() -> None:
    """Read once."""
    url, size, *words = sys.argv[1:]
    headers = dict(word.split(": ", 1) for word in words)
    answer = urllib3.PoolManager().request("GET", url, headers=headers, preload_content=False)
    buffer = memoryview(bytearray(PIECE))
    read = 0
    while octets := answer.readinto(buffer):
        read += octets
    if answer.status not in {200, 206} or read != int(size):
        raise SystemExit(f"{answer.status}: {read} bytes came, {size} were expected")


if __name__ == "__main__":
    main()
