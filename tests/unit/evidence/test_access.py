"""Who may do what: the table, its two readings, and that they never part."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, Uuid, create_engine, select
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from evidence.access import RULES, Action, Asker, Reach, Resource, decide, visible_to
from evidence.vocabulary import Role

ME, COLLEAGUE = UUID(int=1), UUID(int=2)


class Base(DeclarativeBase):
    """For one small table that the condition is asked of."""


class Row(Base):
    """A recording, as far as access looks at it."""

    __tablename__ = "row"

    id: Mapped[int] = mapped_column(primary_key=True)
    officer: Mapped[UUID | None] = mapped_column(Uuid())


@pytest.fixture(scope="module")
def rows() -> Iterator[Connection]:
    engine = create_engine("sqlite://")
    Base.metadata.create_all(engine)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


people = st.sampled_from([None, ME, COLLEAGUE, UUID(int=3)])


@given(
    role=st.sampled_from(Role),
    person=people,
    action=st.sampled_from(Action),
    officers=st.lists(people, max_size=6),
)
def test_a_list_holds_exactly_what_a_page_would_show(
    rows: Connection, role: Role, person: UUID | None, action: Action, officers: list[UUID | None]
) -> None:
    asker = Asker(role, person)
    rows.execute(Row.__table__.delete())  # type: ignore[attr-defined] # SQLAlchemy makes it
    for number, officer in enumerate(officers):
        rows.execute(Row.__table__.insert().values(id=number, officer=officer))  # type: ignore[attr-defined]
    listed = set(rows.execute(select(Row.id).where(visible_to(asker, Row.officer, action))).scalars())
    shown = {n for n, officer in enumerate(officers) if decide(asker, action, Resource(officer)).allow}
    assert listed == shown


@given(role=st.sampled_from(Role), person=people, action=st.sampled_from(Action), officer=people)
def test_every_decision_gives_its_reason(role: Role, person: UUID | None, action: Action, officer: UUID | None) -> None:
    assert decide(Asker(role, person), action, Resource(officer)).reason


@pytest.mark.parametrize("action", list(Action))
def test_what_the_table_does_not_name_is_refused(action: Action) -> None:
    for role in Role:
        if action not in RULES[role]:
            assert not decide(Asker(role, ME), action).allow


def test_an_officer_watches_their_own_and_what_nobody_owns_yet() -> None:
    officer = Asker(Role.OFFICER, ME)
    assert decide(officer, Action.WATCH, Resource(ME)).allow
    assert decide(officer, Action.WATCH, Resource(None)).allow
    assert not decide(officer, Action.WATCH, Resource(COLLEAGUE)).allow


def test_an_administrator_sees_that_recordings_exist_and_may_not_watch_them() -> None:
    administrator = Asker(Role.ADMINISTRATOR, ME)
    assert decide(administrator, Action.SEE_RECORDING, Resource(COLLEAGUE)).allow
    assert not decide(administrator, Action.WATCH, Resource(ME)).allow


def test_a_token_of_an_officer_speaks_for_no_officer() -> None:
    token = Asker(Role.OFFICER)
    assert decide(token, Action.WATCH, Resource(None)).allow
    assert not decide(token, Action.WATCH, Resource(ME)).allow


def test_only_a_supervisor_closes_incidents_and_decides_quarantine() -> None:
    for action in (Action.CLOSE_INCIDENT, Action.DECIDE_QUARANTINE):
        assert [role for role in Role if decide(Asker(role, ME), action).allow] == [Role.SUPERVISOR]


def test_only_an_administrator_manages_people_docks_and_tokens() -> None:
    for action in (Action.MANAGE_PEOPLE, Action.MANAGE_DOCKS, Action.MANAGE_TOKENS):
        assert [role for role in Role if decide(Asker(role, ME), action).allow] == [Role.ADMINISTRATOR]


def test_reaches_are_all_used() -> None:
    assert {reach for rules in RULES.values() for reach in rules.values()} == {Reach.ALL, Reach.OWN}
