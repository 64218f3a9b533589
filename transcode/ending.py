"""How a child ended: every way has its own word and its own sentence. Pure."""

from __future__ import annotations

import re
import signal
from dataclasses import dataclass
from typing import Final

from evidence.vocabulary import HowEnded
from transcode.sandbox import Layer

MESSAGE_LINES = 400
ADDRESS = re.compile(r" @ 0x[0-9a-f]+")
"""Where in its memory FFmpeg keeps what it speaks of: noise, and different every time."""
PLACE: Final = re.compile(r"(?<![\w./])(?:file:)?(?:/[\w.@+-]+)+/(?=[\w.@+-])")
"""The folder in an absolute path: where we work is nobody's business, and differs each time."""
LIBRARY: Final = re.compile(r"\b\w*Error: (?=\[Errno)|\[Errno -?\d+\] |: '\w+\(\)'|\bInvalidDataError: ")
"""What Python's bindings put around FFmpeg's own words: a class, a number, the call. They tell nobody anything."""
PLAIN: Final = (
    (
        "did not come out of the decoder",
        "a picture that should be there could not be decoded; the file is damaged there",
    ),
    ("pictures came out of the decoder", "fewer pictures could be decoded than the file names; it is damaged"),
    ("not found again", "its packets could not be found a second time where they were before"),
    ("Invalid data", "some of its bytes make no sense as pictures or sound; the file is damaged or not complete"),
    ("No space left", "there was no room left to work in"),
    ("moov dref", "it points to media in another file, which is not opened"),
    ("max_streams", "it has more tracks than any recording needs"),
    ("streams exceeds", "it has more tracks than any recording needs"),
)
"""What a person is told first where FFmpeg's own words hold one of these."""


OURS: Final = ("what the master says of itself cannot be",)
"""Sentences that our own code gives as a refusal."""

OUTSIDE: Final = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)
How = HowEnded
SAYS = {
    How.CLEAN: "ended well",
    How.WITH_MESSAGES: "ended, with messages",
    How.EXIT_CODE: "ended with code {code}",
    How.SIGNAL: "was ended by signal {code}",
    How.TIMED_OUT: "was stopped after {seconds:.0f} seconds",
    How.CPU_LIMIT: "used up its {cpu_seconds:.0f} CPU seconds",
    How.FILE_LIMIT: "wrote more than this master can need",
    How.OUT_OF_MEMORY: "asked for more memory than is allowed",
    How.TOO_MUCH_OUTPUT: "said more than anyone asked",
    How.TOO_MUCH_READ: "asked for more of the master than its budget",
    How.NO_WALL: "could not be walled in and was not started",
    How.STOPPED: "was called off",
    How.LOST: "was lost with its worker",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a child ended and what it used. Times in seconds, memory in bytes.

    `peak_memory` is the kernel's high-water mark of the child, as `transcode.memory` reads it.
    """

    how: How
    code: int = 0
    output: bytes = b""
    messages: tuple[str, ...] = ()
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_memory: int = 0
    bytes_served: int = 0
    layers: tuple[Layer, ...] = ()

    @property
    def usable(self) -> bool:
        """The child ended by itself and said so with code 0."""
        return self.how in (How.CLEAN, How.WITH_MESSAGES)

    @property
    def from_outside(self) -> bool:
        """A signal ended it that its own doing does not bring: a person's, or the kernel's on a host out of memory."""
        return self.how is How.SIGNAL and self.code in OUTSIDE

    def in_words(self) -> str:
        """One sentence for a person, with the child's last words where there are any."""
        said = SAYS[self.how].format(code=self.code, seconds=self.seconds, cpu_seconds=self.cpu_seconds)
        last = self.messages[-1] if self.messages and self.how != How.CLEAN else ""
        if self.how is How.EXIT_CODE:
            return plainly(last, f"the work {said}" if self.code else "the file could not be worked on")
        return f"the work {said}{detail(last)}"


def how_it_ended(code: int, messages: tuple[str, ...], *, cpu_left: float, walled: bool) -> How:
    """What an exit says. `code` is negative for a signal; `cpu_left` is what remained of the CPU limit, in seconds.

    Code 0 is not enough: FFmpeg ends with 0 after a failed allocation, and only its messages tell.
    """
    if not walled and code != 0:
        return How.NO_WALL
    if code < 0:
        return _by_signal(-code, cpu_left)
    if code == 0:
        return How.WITH_MESSAGES if messages else How.CLEAN
    return How.CPU_LIMIT if cpu_left < 0.5 else _by_last_words(" ".join(messages[-20:]))


def _by_last_words(said: str) -> How:
    if "File too large" in said:
        return How.FILE_LIMIT
    return How.OUT_OF_MEMORY if "Cannot allocate memory" in said or "MemoryError" in said else How.EXIT_CODE


def _by_signal(number: int, cpu_left: float) -> How:
    if number == signal.SIGXFSZ:
        return How.FILE_LIMIT
    if number == signal.SIGXCPU or (number == signal.SIGKILL and cpu_left < 0.5):
        return How.CPU_LIMIT
    return How.SIGNAL


def placeless(words: str) -> str:
    """The same without the folders of absolute paths, and without what a library puts around FFmpeg's words."""
    return LIBRARY.sub("", PLACE.sub("", words))


def words_placeless(value: object) -> object:
    """For a validator: the same, where what a child said is text at all."""
    return placeless(value) if isinstance(value, str) else value


def detail(words: str) -> str:
    """A tool's own words, to be put behind a sentence for a person; nothing where there are none."""
    told = placeless(words).strip().rstrip(".")[-400:]
    return f" (technical detail: {told})" if told else ""


def plainly(words: str, otherwise: str) -> str:
    """What a tool's words mean for a person, and then those words. Sentences of our own are left as they are."""
    if words.startswith(OURS):
        return words
    found = next((plain for sign, plain in PLAIN if sign in words), otherwise)
    return f"{found}{detail(words)}"


class Kept:
    """The first and the last of a stream, up to a limit: tags can be megabytes, and the end tells most."""

    def __init__(self, limit: int) -> None:
        self.half, self.head, self.tail, self.total = limit // 2, bytearray(), bytearray(), 0

    def take(self, data: bytes) -> None:
        self.total += len(data)
        room = self.half - len(self.head)
        self.head += data[:room] if room > 0 else b""
        self.tail += data[room:] if room > 0 else data
        del self.tail[: -self.half]

    def lines(self) -> tuple[str, ...]:
        text = (bytes(self.head) + bytes(self.tail)).decode(errors="backslashreplace")
        found = [
            placeless(printable(ADDRESS.sub("", line)))[:500]
            for line in text.replace("\r", "\n").split("\n")
            if line.strip()
        ]
        return tuple(found[: MESSAGE_LINES // 2] + found[max(MESSAGE_LINES // 2, len(found) - MESSAGE_LINES // 2) :])


def printable(line: str) -> str:
    """The line with every control, bidirectional and invisible character spelt out."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line.strip())
