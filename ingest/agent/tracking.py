"""What the agent knows of one docked device: its files, how far each has come, and what to do next. No waiting here.

Only the agent's own thread changes it; the threads that carry files touch nothing but `bytes_sent` and `dirty`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass, field

from ingest.agent.admission import Candidate, Priority
from ingest.agent.digests import Digests
from ingest.agent.docking import Examination, Place
from ingest.agent.journal_rows import LET_GO, NO_LONGER_KNOWN, FileRow, KeptReceipt, LostReceipt, SessionRow
from ingest.agent.names import as_text
from ingest.agent.protocol import SMALLEST_PART, FileReport, FileState
from ingest.agent.settings import Settings
from ingest.agent.settle import Decision, Facts, Quiet, Verdict, age_of, decide
from ingest.agent.sighting import Identity, Sighting

UNDER_WAY = frozenset({FileState.READING, FileState.SENDING})
OUT_OF_OUR_HANDS = frozenset({FileState.READING, FileState.SENDING, FileState.CHECKING})
NOT_YET = sys.maxsize  # no message to the server has told of it
GONE = "The file is no longer on the device."
ENDED = frozenset({FileState.RECEIPTED, FileState.GONE, FileState.REFUSED})


@dataclass(slots=True, kw_only=True)
class Tracked:
    """One file of one device.

    `not_before` and `tried_at` are in monotonic seconds; `failures` counts its own, `away` those of server and store;
    `listed` is the number of the message that told the server of it.
    """

    name: bytes
    quiet: Quiet
    state: FileState = FileState.LISTED
    reason: str | None = None
    refused: str | None = None
    settled: bool = False
    not_before: float = 0.0
    failures: int = 0
    away: int = 0
    tried_at: float = 0.0
    listed: int = NOT_YET
    bytes_sent: int = 0
    most_sent: int = 0
    row: FileRow | None = None
    digests: Digests | None = None
    receipt: KeptReceipt | None = None
    let_go_tried: bool = False
    now_called: bytes | None = None
    noted_gone: bool = False

    def as_sighting(self) -> Sighting:
        """The file as it was last seen."""
        return Sighting(self.name, self.identity, self.refused)

    @property
    def identity(self) -> Identity:
        """What the file was when it was last seen."""
        return self.quiet.identity

    @property
    def is_worth_telling(self) -> bool:
        """Whether the server cannot know by itself: it sees offers, completions and receipts, and small files whole."""
        if self.state in {FileState.LISTED, FileState.CHECKING, FileState.RECEIPTED}:
            return False
        return self.state not in UNDER_WAY or self.identity.size > SMALLEST_PART

    def report(self) -> FileReport:
        """Where it stands, as the wall shows it."""
        return FileReport(self.name, self.state, max(0, self.bytes_sent), self.reason, self.now_called)


@dataclass(slots=True, kw_only=True)
class Device:
    """One docked device, from connection to removal. `key` numbers devices within one run."""

    key: int
    place: Place
    session: SessionRow
    priority: Priority
    files: dict[bytes, Tracked] = field(default_factory=dict)
    dirty: set[bytes] = field(default_factory=set)
    unlisted: dict[bytes, Sighting] = field(default_factory=dict)
    vanished: set[bytes] = field(default_factory=set)
    look_for: set[bytes] = field(default_factory=set)
    next_sweep: float = 0.0
    listing_complete: bool = True
    reason: str | None = None

    @property
    def presence(self) -> tuple[int, int]:
        """Device and inode number of its folder when it was docked."""
        return self.session.dev, self.session.ino

    def put(self, file: Tracked, state: FileState, reason: str | None = None) -> None:
        """Change where a file stands."""
        if (file.state, file.reason) != (state, reason):
            file.state, file.reason = state, reason
            self.dirty.add(file.name)

    def take(self, seen: Examination, now: float) -> None:
        """Take in what was seen; what is new or changed goes to `unlisted`, to be listed before it is read.

        What is no longer there goes to `vanished`; what lies in a folder that would not be listed may be there still.
        """
        self.unlisted.update((one.name, one) for one in seen.sightings if self._is_news(one, now))
        missing = self.files.keys() - {one.name for one in seen.sightings} if seen.whole else set(seen.missing)
        hidden = tuple(one.name for one in seen.sightings if one.name.endswith(b"/"))
        for name in missing & self.files.keys():
            if not name.startswith(hidden):
                self._is_gone(self.files[name])
        if any(file.state is FileState.GONE for file in self.files.values()):
            self._follow_renames()
        if seen.whole:
            self.listing_complete = seen.complete

    def lose(self, sightings: Iterable[Sighting], now: float) -> None:
        """Files that this session listed and that were gone from the device when the agent was started again."""
        for one in sightings:
            if one.name not in self.files:
                self.files[one.name] = Tracked(name=one.name, quiet=Quiet(one.identity, now))
                self._is_gone(self.files[one.name])
        self._follow_renames()

    def _is_news(self, sighting: Sighting, now: float) -> bool:
        file = self.files.get(sighting.name)
        if file is None:
            file = self.files[sighting.name] = Tracked(name=sighting.name, quiet=Quiet(sighting.identity, now))
            self.dirty.add(file.name)
        elif file.identity == sighting.identity and file.refused == sighting.refused:
            return self._is_back(file)
        elif file.state in UNDER_WAY:
            return False  # whoever reads it notices by itself, and says so
        else:
            self._start_again(file, sighting, now)
        file.refused = sighting.refused
        if sighting.refused:
            self.put(file, FileState.REFUSED, sighting.refused)
        return True

    def _start_again(self, file: Tracked, sighting: Sighting, now: float) -> None:
        """It is another file now, whatever became of the one before."""
        file.quiet = file.quiet.seen(sighting.identity, now)
        file.settled, file.row, file.digests, file.receipt, file.bytes_sent = False, None, None, None, 0
        file.listed, file.now_called, file.noted_gone = NOT_YET, None, False
        self.put(file, FileState.LISTED)

    def _is_back(self, file: Tracked) -> bool:
        if file.state is not FileState.GONE:
            return False
        file.settled, file.now_called, file.noted_gone = False, None, False
        self.put(file, FileState.LISTED)
        return True

    def _is_gone(self, file: Tracked) -> None:
        if file.state is FileState.RECEIPTED or file.state in OUT_OF_OUR_HANDS:
            return  # let go against its receipt, or still readable through its open handle
        if not file.noted_gone:
            file.noted_gone = True
            self.vanished.add(file.name)
        if file.state is not FileState.GONE:
            self.put(file, FileState.GONE, GONE)

    def _follow_renames(self) -> None:
        """A file that is gone while the same one is there under another name has been renamed."""
        there = {_same(file): file.name for file in self.files.values() if file.state is not FileState.GONE}
        for file in self.files.values():
            name = there.get(_same(file)) if file.state is FileState.GONE else None
            if name is not None and name != file.now_called:
                file.now_called = name
                self.put(file, FileState.GONE, f"It was renamed on the device: it is called {as_text(name)} now.")

    def restart(self, file: Tracked, now: float) -> None:
        """The file turned out to be changing: settle it anew."""
        file.settled, file.row, file.digests, file.bytes_sent = False, None, None, 0
        file.quiet = Quiet(file.identity, now, file.quiet.changes + 1)
        self.look_for.add(file.name)

    def void(self, lost: LostReceipt) -> None:
        """A file's receipt does not count any more: it is offered again, or gone where it was let go against it."""
        file = self.files.get(lost.name)
        if file is None or file.receipt is None or file.receipt.receipt_id != lost.receipt_id:
            return
        file.receipt, file.row, file.bytes_sent, file.most_sent, file.let_go_tried = None, None, 0, 0, False
        if lost.let_go is None:
            self.look_for.add(file.name)
            self.put(file, FileState.WAITING, NO_LONGER_KNOWN)
        else:
            self.put(file, FileState.GONE, LET_GO.format(how=lost.let_go))

    def list_again(self) -> None:
        """Everything that is there and has no receipt is to be listed once more."""
        done = (FileState.RECEIPTED, FileState.GONE)
        self.unlisted.update((one.name, one.as_sighting()) for one in self.files.values() if one.state not in done)

    def hint(self, name: bytes) -> None:
        """Something happened to a file. One that is settling is looked at in good time; any other is looked at now."""
        file = self.files.get(name)
        if file is None or (file.settled and file.state not in UNDER_WAY):
            self.look_for.add(name)

    # --- settling

    def unsettled(self, now: float) -> list[Tracked]:
        """Files to decide about now."""
        waiting = (FileState.LISTED, FileState.SETTLING, FileState.WAITING)
        return [
            one for one in self.files.values() if not one.settled and one.state in waiting and one.not_before <= now
        ]

    def settle_seen(self, seen: Examination, settings: Settings, now: float, now_ns: int) -> None:
        """Decide about every file that has just been looked at."""
        for sighting in seen.sightings:
            file = self.files.get(sighting.name)
            if file is None or file.settled or file.refused or file.state in OUT_OF_OUR_HANDS or file.state in ENDED:
                continue
            decision = decide(
                self._facts(file, seen, settings, now, now_ns),
                settle_seconds=settings.settle_seconds,
                sure_after_seconds=settings.sure_after_seconds,
            )
            self._follow(file, decision, now)

    def _facts(self, file: Tracked, seen: Examination, settings: Settings, now: float, now_ns: int) -> Facts:
        folder = file.name.rpartition(b"/")[0]
        markers = [b"/".join(filter(None, (folder, marker.encode()))) for marker in settings.settle_markers]
        return Facts(
            unchanged_for=now - file.quiet.since,
            changes=file.quiet.changes,
            size=file.identity.size,
            age=age_of(file.identity.mtime_ns, now_ns=now_ns),
            written_to=seen.written_to.get(file.name),
            marked=any(marker in self.files and self.files[marker].settled for marker in markers),
        )

    def _follow(self, file: Tracked, decision: Decision, now: float) -> None:
        if decision.verdict is Verdict.SETTLED:
            file.settled, file.not_before = True, 0.0
            self.put(file, FileState.WAITING, "Waits its turn.")
            return
        file.not_before = now + decision.again_in
        state = FileState.SETTLING if decision.verdict is Verdict.SETTLING else FileState.WAITING
        self.put(file, state, decision.reason)

    # --- turns

    def ready(self, now: float, told: int) -> list[Tracked]:
        """Settled files that wait, whose pause is over and of whose listing the server has been told."""
        return [
            one
            for one in self.files.values()
            if one.settled and one.state is FileState.WAITING and one.not_before <= now and one.listed <= told
        ]

    def candidate(self, file: Tracked, key: int) -> Candidate:
        """A ready file as admission sees it."""
        return Candidate(key, self.priority, file.identity.mtime_ns, file.name, file.tried_at)

    @property
    def awaits_receipts(self) -> bool:
        """Whether a file is with the server that has no receipt yet."""
        return any(file.state is FileState.CHECKING for file in self.files.values())

    def leave(self, because: str) -> list[Tracked]:
        """The device is gone: what was not taken is gone with it, for this reason. Gives back those files."""
        lost = [one for one in self.files.values() if one.state not in ENDED and one.state is not FileState.CHECKING]
        for file in lost:
            # What kept it from being taken is what helps a person; that the device went is no cause of its own.
            own = f"{file.reason} " if file.failures and file.reason else ""
            self.put(file, FileState.GONE, own + because)
        return lost


def _same(file: Tracked) -> tuple[int, int, int, int]:
    """What a rename leaves as it is; the time of the last change of the entry itself is not among it."""
    seen = file.identity
    return seen.dev, seen.ino, seen.size, seen.mtime_ns


def counts(files: Iterable[Tracked]) -> dict[str, int]:
    """How many files stand where."""
    found: dict[str, int] = {}
    for file in files:
        found[file.state.value] = found.get(file.state.value, 0) + 1
    return found
