"""The story of the log's order: stand by, look, lead; number, integrate, publish; halt where something is wrong.

One process leads: it holds an advisory lock, for liveness, and an epoch in the state row, for safety. The others
stand by. What passes (a database or a store that is away) is tried again; what does not halts the log, with the
reason kept in the database, an incident, and MustHalt raised to whoever runs this.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg
import structlog
from sqlalchemy.exc import IntegrityError

from evidence.bootstrap import House
from evidence.custody.rows import LogState
from evidence.database import psycopg_url
from evidence.outages import log_failure
from evidence.outside.errors import WouldFork
from evidence.sequencing import mishaps
from evidence.sequencing.errors import Displaced, LeafDiffers, MustHalt, SignerRefuses, StoreDiffers
from evidence.sequencing.integrating import Grown, Step, integrate, load
from evidence.sequencing.leftovers import LATE, Leftovers
from evidence.sequencing.numbering import BATCH, held, is_waiting, number, number_taken, take_over
from evidence.sequencing.opening import look
from evidence.sequencing.publishing import make_known, publish
from evidence.sequencing.reading import LEADS, LOCK, WANTED
from evidence.store.errors import CustodyObjectDiffers, NotAsAgreed
from evidence.tlog.errors import TlogError
from evidence.tlog.signing import Signer

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Seconds between two looks at the queue, two checkpoints while events arrive, and two tries after a trouble."""

    look: float = 0.5
    checkpoint: float = 10.0
    again: float = 2.0


def nothing(step: str) -> None:
    """The usual hook at the steps: there is nothing to do."""
    del step


@dataclass
class Sequencer:
    """Numbers, integrates and publishes. `at_step` is called between any two writes, with the name of the first.

    `unwitnessed` says whether a checkpoint counts without witnesses. `leading` is set while this process leads.
    """

    house: House
    signer: Signer
    pace: Pace = field(default_factory=Pace)
    unwitnessed: Callable[[], bool] = lambda: True
    at_step: Step = nothing
    leading: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._leftovers = Leftovers(self.house, self.signer)

    def run(self, stop: threading.Event) -> None:
        """Stand by and lead until told to stop. Raises MustHalt, after the reason has been kept."""
        trouble = mishaps.Trouble(self.house)
        while not stop.is_set():
            try:
                with self._line() as line:
                    if self._stood_by(line, stop):
                        self._lead(line, stop, trouble)
                        return
            except MustHalt as reason:
                mishaps.keep_reason(self.house, reason)
                raise
            except Displaced as displaced:
                # Another one took over while this one was held up: that one goes on, and this one stands by.
                log.warning("another sequencer leads since", reason=str(displaced))
                trouble.met(displaced)
                stop.wait(self.pace.again)
            except Exception as error:  # noqa: BLE001 - it is logged, whole where it is no outage
                # A database or a store that is away, a key that cannot be read: somebody may mend it.
                log_failure(log, "the sequencer tries again", error)
                trouble.met(error)
                stop.wait(self.pace.again)
            finally:
                self.leading.clear()

    def lead_once(self) -> None:
        """Look, take over, and bring everything that waits under a checkpoint. Raises as the steps do."""
        with _in_our_words():
            epoch, grown, published = self._opened()
            grown = self._integrated(epoch, grown)
            if grown.edge.size > published:
                self._publish(epoch, grown)

    def _lead(self, line: psycopg.Connection, stop: threading.Event, trouble: mishaps.Trouble) -> None:
        with _in_our_words():
            epoch, grown, published = self._opened()
        self.leading.set()
        log.info("leading", epoch=epoch, size=grown.edge.size, published=published)
        due, wanted = time.monotonic(), False
        looked, looks_until = due, due + LATE
        while not stop.is_set():
            with _in_our_words():
                grown = self._integrated(epoch, grown)
                if grown.edge.size > published and (wanted or time.monotonic() >= due):
                    published = self._publish(epoch, grown)
                    grown = grown.with_parts()
                    due = time.monotonic() + self.pace.checkpoint
                if looked + self.pace.checkpoint <= time.monotonic() < looks_until:
                    self._leftovers.write_down()
                    looked = time.monotonic()
            trouble.over()
            wanted = any(True for _ in line.notifies(timeout=self.pace.look, stop_after=1))

    def _opened(self) -> tuple[int, Grown, int]:
        """Look at both stories, take over, and finish what the one before had begun."""
        opened = look(self.house, self.signer)
        with self.house.writing() as session:
            state = take_over(session)
            epoch, published = state.epoch, state.published_size
        grown = load(self.house)
        self.at_step("taken over")
        self._leftovers.write_down()
        if opened.newest is None or opened.recorded:
            return epoch, grown, published
        # Signed and stored, and not written down when the process before died.
        while grown.edge.size < opened.newest.checkpoint.size:
            grown = integrate(self.house, epoch, grown, self.at_step, size=opened.newest.checkpoint.size)
        with self.house.writing() as session:
            held(session, epoch)
            make_known(session, opened.newest, unwitnessed=self.unwitnessed())
        return epoch, grown.with_parts(), opened.newest.checkpoint.size

    def _integrated(self, epoch: int, grown: Grown) -> Grown:
        """Number what waits and build the tree over it. What comes meanwhile waits for the next look."""
        full = True
        while full:
            with self.house.reading() as session:
                waiting, size = is_waiting(session), session.get_one(LogState, 1).size
            before = size
            if waiting:
                size = self._number(epoch)
                self.at_step("numbered")
            while grown.edge.size < size:
                grown = integrate(self.house, epoch, grown, self.at_step, size=size)
            full = size - before >= BATCH
        return grown

    def _number(self, epoch: int) -> int:
        """Number what waits. Raises NumberTaken where a row that no sequencer wrote stands in the way; as `look` does
        where the row is below what was signed.
        """
        try:
            with self.house.writing() as session:
                return number(session, epoch)
        except (IntegrityError, LeafDiffers) as error:
            with self.house.writing() as session:
                stray = number_taken(session, epoch)
            if stray is None:
                raise
            look(self.house, self.signer)  # where the row of the state was set back, the numbers are the log's own
            raise stray from error

    def _publish(self, epoch: int, grown: Grown) -> int:
        unwitnessed = self.unwitnessed()
        try:
            signed = publish(self.house, epoch, grown, self.signer, at_step=self.at_step, unwitnessed=unwitnessed)
        except Displaced:
            # Another one leads since. What was stored by then stays in the store for good: so the database has it too.
            self._leftovers.write_down()
            raise
        return signed.checkpoint.size

    @contextmanager
    def _line(self) -> Iterator[psycopg.Connection]:
        """A connection of our own: it holds the lock for as long as it lives, and hears who wants a checkpoint."""
        url = psycopg_url(self.house.settings.database_url.get_secret_value()).set(drivername="postgresql")
        with psycopg.connect(url.render_as_string(hide_password=False), autocommit=True) as line:
            yield line

    def _stood_by(self, line: psycopg.Connection, stop: threading.Event) -> bool:
        """Wait until no other process leads; False where this one is to stop."""
        told = False
        while not stop.is_set():
            got = line.execute("SELECT pg_try_advisory_lock(%s)", [LOCK]).fetchone()
            if got is not None and got[0]:
                line.execute("SELECT pg_try_advisory_lock(%s)", [LEADS])
                line.execute(f"LISTEN {WANTED}")
                return True
            if not told:
                log.info("another sequencer leads; standing by")
                told = True
            stop.wait(self.pace.look)
        return False


@contextmanager
def _in_our_words() -> Iterator[None]:
    """What others call by their names, and what for the log means that nobody may go on."""
    try:
        yield
    except (CustodyObjectDiffers, NotAsAgreed, TlogError) as error:
        raise StoreDiffers(str(error)) from error
    except WouldFork as error:
        raise SignerRefuses(str(error)) from error
