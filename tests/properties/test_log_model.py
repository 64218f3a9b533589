"""A log under all that may happen to it, held against a plain list: deaths, rotations, erasures, restores."""

from __future__ import annotations

import random
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from psycopg import sql
from sqlalchemy import text

from evidence.bootstrap import House
from evidence.completeness import fsck, headmap
from evidence.custody import ledger
from evidence.custody.events import Actor
from evidence.custody.leaf import read_leaf
from evidence.embedded import EmbeddedPostgres, EmbeddedS3
from evidence.identifiers import new_id
from evidence.outside import rotating
from evidence.sequencing import reading
from evidence.sequencing.errors import RolledBack
from evidence.sequencing.opening import look
from evidence.sequencing.rollforward import roll_forward
from evidence.sequencing.sequencer import Sequencer
from evidence.tlog.keys import VerifierKey
from evidence.tlog.merkle import consistency_proof, leaf_hash, root_of, verify_consistency, verify_inclusion
from tests.support import servers
from tests.support.log import faults_of, log_house, write_events

STEPS = ("taken over", "numbered", "tiles stored", "integrated", "parts stored", "signed", "checkpoint stored")
LATER_STEPS = ("latest stored", "published")
BY = Actor.system("model")


class Died(BaseException):
    """The process ends here."""


@dataclass
class Book:
    """What the log must be: events in order, those that wait, how many are under a stored checkpoint, erasures."""

    numbered: list[UUID] = field(default_factory=list)
    waiting: list[UUID] = field(default_factory=list)
    stored: int = 0
    erased: dict[UUID, UUID] = field(default_factory=dict)

    def copy(self) -> Book:
        """The same, to be gone back to."""
        return Book(list(self.numbered), list(self.waiting), self.stored, dict(self.erased))


@dataclass(frozen=True)
class AllKeys:
    """Every key that the log ever had."""

    house: House

    def vkeys(self) -> list[VerifierKey]:
        """Their public halves."""
        return [VerifierKey.parse(row.vkey) for row in rotating.history(self.house)]


class LogUnderEverything(RuleBasedStateMachine):
    """One log, from its first event on."""

    postgres: EmbeddedPostgres
    s3: EmbeddedS3
    folder: Path

    def __init__(self) -> None:
        super().__init__()
        self._until_the_end = ExitStack()
        url = self._until_the_end.enter_context(servers.fresh_database(self.postgres))
        self.house = log_house(url, servers.with_own_custody(self.s3, self.s3.store_settings()))
        self.keys = rotating.make(self.folder / str(new_id()), self.house.settings.log_origin)
        self.subjects = [new_id() for _ in range(3)]
        self.book = Book()
        self.copied: Book | None = None
        self._admin = self._until_the_end.enter_context(psycopg.connect(self.postgres.url("postgres"), autocommit=True))
        rotating.enter(self.house, self.keys, by=BY)
        self._learn()

    def teardown(self) -> None:
        """Hold everything against everything, and give back what was used."""
        # A copy that was put back may know fewer keys than there are; the list is brought up to date by the clock.
        rotating.enter(self.house, self.keys, by=BY)
        self._learn()
        self._lead()
        faults = faults_of(self.house, AllKeys(self.house))
        faults += [claim.words for claim in fsck.verify(self.house).contradicted]
        self.house.sessions.engine.dispose()
        if self.copied is not None:
            self._admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(self._copy))
        self._until_the_end.close()
        assert faults == []

    @rule(many=st.integers(1, 90))
    def write(self, many: int) -> None:
        """Events, in one transaction."""
        self.book.waiting += write_events(self.house, many, subjects=self.subjects)

    @rule()
    def lead(self) -> None:
        """A sequencer does all that there is to do."""
        self._lead()

    @rule(step=st.sampled_from(STEPS + LATER_STEPS))
    def die(self, step: str) -> None:
        """A sequencer dies at a step, if it comes as far."""

        def at_step(reached: str) -> None:
            if reached == "numbered":
                self._number()
            if reached == "checkpoint stored":
                self.book.stored = len(self.book.numbered)
            if reached == step:
                raise Died

        try:
            Sequencer(self.house, self.keys, at_step=at_step).lead_once()
        except Died:
            return

    @rule()
    def rotate(self) -> None:
        """A new pair of keys; the old one signs beside it."""
        if len(self.keys.listed().pairs) < 4:
            rotating.rotate(self.house, self.keys, settings=self.house.settings, by=BY)
            self._learn()

    @precondition(lambda self: self._can_be_erased())
    @rule(which=st.randoms(use_true_random=False))
    def erase(self, which: random.Random) -> None:
        """The name of whoever acted, in one event."""
        event = which.choice(self._can_be_erased())
        with self.house.writing() as session:
            recorded = ledger.erase_sealed(session, event, "actor", BY)
        self.book.erased[event] = recorded.id
        self.book.waiting.append(recorded.id)

    @rule()
    def copy(self) -> None:
        """Somebody takes a copy of the database."""
        if self.copied is not None:
            self._admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(self._copy))
        self.house.sessions.engine.dispose()
        self._clone(self._copy, self._original)
        self.copied = self.book.copy()

    @precondition(lambda self: self.copied is not None)
    @rule(many=st.integers(0, 5))
    def restore(self, many: int) -> None:
        """Somebody puts the copy back, writes on, and is told; then the log is rolled forward."""
        assert self.copied is not None
        self.house.sessions.engine.dispose()
        self._admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(self._original))
        self._clone(self._original, self._copy)
        now, self.book = self.book, self.copied.copy()
        self.book.stored = now.stored
        if many:
            self.book.waiting += write_events(self.house, many, subjects=self.subjects)
        if len(self.book.numbered) < now.stored:
            with pytest.raises(RolledBack):
                look(self.house, self.keys)
            self.book.numbered = now.numbered[: now.stored]
            inside = set(self.book.numbered)
            self.book.waiting = [event for event in self.book.waiting if event not in inside]
            self.book.erased |= {event: by for event, by in now.erased.items() if by in inside}
        if now.stored:
            roll_forward(self.house, self.keys, by=BY, unwitnessed=True)
        self._learn()

    @precondition(lambda self: self.book.stored > 1)
    @rule(chance=st.randoms(use_true_random=False))
    def prove(self, chance: random.Random) -> None:
        """Any event, and any older size against the newest."""
        self._lead()
        leaves = self._leaves()
        place = chance.randrange(len(leaves))
        old = chance.randrange(1, len(leaves))
        with self.house.reading() as session:
            proof = reading.prove(session, self.house.custody, self.book.numbered[place])
            subtree = reading.subtree_reader(session, self.house.custody)
        assert proof.index == place
        checkpoint = proof.verify(leaf_hash(leaves[place]))
        hashes = [leaf_hash(leaf) for leaf in leaves]
        path = consistency_proof(old, checkpoint.size, subtree)
        verify_consistency(old, checkpoint.size, path, root_of(hashes[:old]), checkpoint.root)

    @precondition(lambda self: self.book.stored > 0)
    @rule()
    def map_ends(self) -> None:
        """The head map says of each subject just how far it had come."""
        self._lead()
        made = headmap.make(self.house)
        self._learn()
        said = [read_leaf(leaf).subj for leaf in self._leaves()[: made.size]]
        ends = {UUID(subject): said.count(subject) for subject in set(said)}
        proofs = headmap.prove(self.house, made, ends)
        assert {subject: proved.end.n for subject, proved in proofs.items()} == ends
        assert made.entries == len(ends)
        for proved in proofs.values():
            entry = leaf_hash(proved.end.entry(made.key))
            verify_inclusion(entry, proved.index, made.entries, list(proved.proof), made.root)

    @invariant()
    def the_log_is_the_list(self) -> None:
        """What has a number, what waits and what was erased is what the list says."""
        with self.house.reading() as session:
            numbered = session.scalars(
                text("SELECT e.id FROM custody.leaf l JOIN custody.event e USING (ingest_no) ORDER BY seq")
            ).all()
            erased = session.scalars(text("SELECT event_id FROM custody.sealed WHERE salt IS NULL")).all()
        assert list(numbered) == self.book.numbered
        assert self._queued() == self.book.waiting
        assert set(self.book.erased) <= set(erased)

    def _lead(self) -> None:
        Sequencer(
            self.house, self.keys, at_step=lambda step: self._number() if step == "numbered" else None
        ).lead_once()
        self.book.stored = len(self.book.numbered)

    def _number(self) -> None:
        self.book.numbered += self.book.waiting
        self.book.waiting = []

    def _learn(self) -> None:
        """Events that were recorded on the way stand behind those that we know of."""
        queued = self._queued()
        assert queued[: len(self.book.waiting)] == self.book.waiting
        self.book.waiting = queued

    def _queued(self) -> list[UUID]:
        with self.house.reading() as session:
            return list(
                session.scalars(
                    text("SELECT e.id FROM custody.queue q JOIN custody.event e USING (ingest_no) ORDER BY q.ingest_no")
                )
            )

    def _leaves(self) -> Sequence[bytes]:
        with self.house.reading() as session:
            found = text("SELECT e.leaf FROM custody.leaf l JOIN custody.event e USING (ingest_no) ORDER BY seq")
            return [bytes(leaf) for leaf in session.scalars(found)]

    def _can_be_erased(self) -> list[UUID]:
        """Events whose name still stands: a restore may have cost some of them theirs."""
        with self.house.reading() as session:
            return list(
                session.scalars(
                    text("SELECT event_id FROM custody.sealed WHERE salt IS NOT NULL ORDER BY event_id LIMIT 9")
                )
            )

    @property
    def _original(self) -> sql.Identifier:
        return sql.Identifier(self.house.sessions.engine.url.database or "")

    @property
    def _copy(self) -> sql.Identifier:
        return sql.Identifier(f"{self.house.sessions.engine.url.database}_copy")

    def _clone(self, new: sql.Identifier, of: sql.Identifier) -> None:
        self._admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY").format(new, of))


def run(examples: int, steps: int, **given: Any) -> None:
    """Try so many histories of so many steps."""
    machine = type("Log", (LogUnderEverything,), given)
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )


def test_a_few_histories(database_template: EmbeddedPostgres, s3_server: EmbeddedS3, tmp_path: Path) -> None:
    run(4, 14, postgres=database_template, s3=s3_server, folder=tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_many_histories(database_template: EmbeddedPostgres, s3_server: EmbeddedS3, tmp_path: Path) -> None:
    run(40, 25, postgres=database_template, s3=s3_server, folder=tmp_path)
