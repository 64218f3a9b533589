"""The live wall: one listener a process hears the database's notices and wakes every open page.

However many pages are open, the wall is looked up once a change and at most once in a while, and the same HTML
goes to all of them. Lost notices do no harm: it is looked up every few seconds anyway.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from dataclasses import dataclass, field

import psycopg
import structlog

from evidence.database import psycopg_url
from evidence.notices import RECORDINGS, WALL

log = structlog.get_logger()

SOONEST = 0.4  # seconds between two looks, however many notices come
LATEST = 4.0  # seconds between two looks when none comes; pages go grey after 10
RECONNECT = 2.0  # seconds before listening is tried again


@dataclass(slots=True)
class WallFeed:
    """Looks the wall up while somebody watches, and hands each look to everybody who does.

    `look` makes the HTML of one key (a dock's id, or "" for all of them) and runs in a thread.
    """

    database_url: str
    look: Callable[[str], str]
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _watchers: dict[str, set[asyncio.Queue[str]]] = field(default_factory=dict)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def start(self) -> None:
        """Begin listening and looking, inside the running event loop."""
        self._tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._keep_looking())]

    async def stop(self) -> None:
        """End both, and every open page's stream with them."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with suppress(asyncio.CancelledError):
                await task
        for queues in self._watchers.values():
            for queue in queues:
                _hand_over(queue, "")

    async def watch(self, key: str) -> AsyncGenerator[str, None]:
        """Each look as it is made, the first at once. Ends when the feed stops."""
        queue: asyncio.Queue[str] = asyncio.Queue(maxsize=1)
        self._watchers.setdefault(key, set()).add(queue)
        self._changed.set()
        try:
            while html := await queue.get():
                yield html
        finally:
            self._watchers[key].discard(queue)
            if not self._watchers[key]:
                del self._watchers[key]

    async def _keep_looking(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(LATEST):
                    await self._changed.wait()
            self._changed.clear()
            for key in list(self._watchers):
                await self._look_once(key)
            await asyncio.sleep(SOONEST)

    async def _look_once(self, key: str) -> None:
        try:
            html = await asyncio.to_thread(self.look, key)
        except Exception:
            # Pages that hear nothing go grey and say so; the next look is seconds away.
            log.exception("the wall could not be looked up")
            return
        for queue in self._watchers.get(key, set()):
            _hand_over(queue, html)

    async def _listen(self) -> None:
        url = psycopg_url(self.database_url).set(drivername="postgresql").render_as_string(hide_password=False)
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
                    await connection.execute(f"LISTEN {WALL}")
                    await connection.execute(f"LISTEN {RECORDINGS}")
                    async for _ in connection.notifies():
                        self._changed.set()
            except psycopg.Error as error:
                log.warning("not listening to the database just now", error=str(error))
            await asyncio.sleep(RECONNECT)


def _hand_over(queue: asyncio.Queue[str], html: str) -> None:
    """Put the newest look in; one that nobody has fetched yet is out of date and goes."""
    with suppress(asyncio.QueueEmpty):
        queue.get_nowait()
    queue.put_nowait(html)
