"""The story of the job `transcode.pictures`: what is shown beside a recording whose pictures were not encoded.

One pass over the master, from its store's ranges. On the way damage shows that the first look could not see; a
master that was to be served as it is then gets an encoded copy beside it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from uuid import UUID

from evidence.bootstrap import House
from evidence.database import WriteSession
from evidence.jobs import JobStopped, RunningJob, held
from evidence.models import Master, Recording, Rendition
from evidence.vocabulary import Condition, RenditionKind, RenditionMethod, RenditionState
from transcode import child, results
from transcode.child import Command, Listener, Ranges
from transcode.condition import Verdict
from transcode.counting import MOST_SAID, count
from transcode.ending import Ending, How
from transcode.errors import RenderFailed
from transcode.keeping import Keeper
from transcode.media import MediaFacts
from transcode.outside import try_once_more
from transcode.packets import Manifest
from transcode.plan import RECIPE, limits_for
from transcode.progress import ProgressReader
from transcode.ranges import ReadAhead
from transcode.render import encode_instead
from transcode.results import Result
from transcode.said import SurveySaid, understood
from transcode.sandbox import Wall
from transcode.scratch import scratch
from transcode.settings import TranscodeSettings
from transcode.storyboard import CUES, POSTER, SHEET, Storyboard, cues, storyboard
from transcode.timing import FRAMES
from transcode.trying import bench
from transcode.waveform import FILE as WAVEFORM

ENCODED_RECIPE = f"{RECIPE}-encoded"
LARGEST_FILE = 256 << 20
ASIDE = 60.0
"""Seconds for which what is shown beside recordings lets copies go first, so that all play before any has pictures."""
FILES = {
    RenditionKind.POSTER: POSTER,
    RenditionKind.STORYBOARD: CUES,
    RenditionKind.WAVEFORM: WAVEFORM,
    RenditionKind.FRAMES: FRAMES,
}


@dataclass(frozen=True, slots=True)
class Surveyed:
    """What a survey found and how its child ended."""

    said: SurveySaid
    ending: Ending
    whole: bool

    def damage(self) -> str:
        """What is wrong with the master, in words; empty where nothing is."""
        if self.said.broken:
            return f"{self.said.broken} of its packets are broken"
        if self.said.faults or self.ending.messages:
            return (
                f"it decodes with errors: {self.ending.messages[0] if self.ending.messages else 'some frames are lost'}"
            )
        return ""


@dataclass(frozen=True, slots=True)
class Surveyor:
    """Makes what is shown beside recordings."""

    house: House
    settings: TranscodeSettings

    def run(self, job: RunningJob) -> None:
        """Make every kind that is still wanted, and write them down together. May be repeated after a crash.

        Where the child was ended from outside for the first time it raises ChildKilled, and the job comes round again.
        """
        recording_id = UUID(str(job.args["recording"]))
        with self.house.reading() as session:
            recording, master = session.get_one(Recording, recording_id), session.get_one(Master, recording_id)
            rows = results.rows_of(session, recording_id)
            wanted = [row for row in rows if _is_wanted(row)]
            direct = any(row.method is RenditionMethod.DIRECT for row in rows if row.kind is RenditionKind.PLAYBACK)
        if not wanted:
            return
        facts = MediaFacts.model_validate(recording.media_facts)
        job.report("waiting for encodes", None)
        bench(self.settings).room.stand_aside(job.stopping, most=ASIDE)
        try:
            self._make_and_record(job, master, facts, wanted, from_zero=not direct)
        except RenderFailed as error:
            try_once_more(self.house, job, error.doing, error.ending)
            self._record_failure(job, master, facts, error)

    def _make_and_record(
        self, job: RunningJob, master: Master, facts: MediaFacts, wanted: list[Rendition], *, from_zero: bool
    ) -> None:
        board = replace(storyboard(facts), from_zero=from_zero) if facts.pictures else None
        with scratch(self.settings, needed=LARGEST_FILE) as folder:
            surveyed = self._survey(job, master, facts, board, folder)
            _write_cues(surveyed.said, board, facts, folder)
            made = self._store(job, master, folder, {row.kind for row in wanted})
            manifest = surveyed.said.manifest() if _is_uncounted(master) else None
            stored = Keeper(self.house, master.id, job).manifest(manifest) if manifest else None
        with self.house.writing() as session:
            recording = results.locked_recording(session, master.id)
            self._record(session, recording, made)
            self._record_damage(session, recording, master, surveyed)
            if manifest is not None:
                results.write_counted(session, session.get_one(Master, master.id), manifest, stored)
            results.tell(session, recording)
            held(session, job.held)

    def _survey(
        self, job: RunningJob, master: Master, facts: MediaFacts, board: Storyboard | None, folder: Path
    ) -> Surveyed:
        ranges = ReadAhead(self.house.masters.ranges(master.key, version_id=master.version_id))
        command = survey(ranges, facts, folder, self.settings, board=board, count=_is_uncounted(master))
        reader = ProgressReader(facts.length_ms)

        def progress(line: str) -> None:
            if reader.take(line):
                job.report("looking through", reader.fraction, reader.speed)

        ending = child.run(command, Listener(stopping=job.stopping, progress=progress))
        if ending.how is How.STOPPED:
            raise JobStopped("called off while looking through the master")
        return Surveyed(
            understood(ending, SurveySaid, "looking through the master"), ending, _is_whole(facts, self.settings)
        )

    def _store(self, job: RunningJob, master: Master, folder: Path, kinds: set[RenditionKind]) -> list[Result]:
        keeper = Keeper(self.house, master.id, job)
        sheets = tuple(sorted(folder.glob(SHEET.replace("%03d", "*"))))
        tool = {"name": "pyav", "version": version("av")}
        paths = {kind: folder / name for kind, name in FILES.items() if kind in kinds}
        return [
            keeper.kept(kind, path, sheets=sheets, tool=tool)
            for kind, path in paths.items()
            if path.is_file() and path.stat().st_size
        ]

    def _record(self, session: WriteSession, recording: Recording, made: list[Result]) -> None:
        by_kind = {result.kind: result for result in made}
        for row in results.rows_of(session, recording.id):
            if not _is_wanted(row):
                continue
            if row.kind in by_kind:
                results.write_ready(session, recording, row, by_kind[row.kind])
            else:
                results.write_failed(session, recording, row, "nothing in the master could be shown this way")

    def _record_damage(self, session: WriteSession, recording: Recording, master: Master, surveyed: Surveyed) -> None:
        damage = surveyed.damage()
        if not damage or recording.condition is not Condition.SOUND:
            return
        results.write_examined(session, recording, Verdict(Condition.DAMAGED, f"Looked through, {damage}."))
        served = [row for row in results.rows_of(session, recording.id) if row.kind is RenditionKind.PLAYBACK]
        if any(row.method is RenditionMethod.TRANSCODE for row in served):
            return
        encode_instead(session, recording, master, because=f"players stop at damage: {damage}", recipe=ENCODED_RECIPE)

    def _record_failure(self, job: RunningJob, master: Master, facts: MediaFacts, error: RenderFailed) -> None:
        """What cannot be pictured can often still be counted."""
        manifest = self._count(job, master, facts) if _is_uncounted(master) else None
        stored = Keeper(self.house, master.id, job).manifest(manifest) if manifest else None
        with self.house.writing() as session:
            recording = results.locked_recording(session, master.id)
            for row in results.rows_of(session, recording.id):
                if _is_wanted(row):
                    results.write_failed(session, recording, row, str(error), how=error.how)
            if manifest is not None:
                results.write_counted(session, session.get_one(Master, master.id), manifest, stored)
            results.tell(session, recording)
            held(session, job.held)

    def _count(self, job: RunningJob, master: Master, facts: MediaFacts) -> Manifest:
        limits = limits_for(facts, longest_hours=self.settings.longest_hours)
        ranges = ReadAhead(self.house.masters.ranges(master.key, version_id=master.version_id))
        return count(ranges, limits, self.settings, stopping=job.stopping)


def survey(
    source: Ranges,
    facts: MediaFacts,
    folder: Path,
    settings: TranscodeSettings,
    *,
    board: Storyboard | None,
    count: bool,
) -> Command:
    """The child that looks a master through: pictures into `folder`, and its packets counted where that is wanted."""
    limits = limits_for(facts, longest_hours=settings.longest_hours)
    options = {
        "picture": facts.pictures[0].index if facts.pictures else None,
        "sound": facts.sounds[0].index if facts.sounds else None,
        "channels": min(facts.sounds[0].channels, 2) if facts.sounds else 0,
        "board": asdict(board) if board else None,
        "whole": _is_whole(facts, settings),
        "count": count,
    }
    wall = Wall(
        cpu_seconds=limits.cpu_seconds,
        address_space=settings.child_memory,
        file_size=LARGEST_FILE,
        may_write=(str(folder),),
        nice=settings.nice,
    )
    return Command(
        inside="survey",
        task={"folder": str(folder), "options": options},
        wall=wall,
        seconds=limits.seconds + 600,
        reads=source,
        read_budget=4 * source.size + (64 << 20),
        output_limit=MOST_SAID,
    )


def _is_whole(facts: MediaFacts, settings: TranscodeSettings) -> bool:
    """It is short enough to be decoded whole, for damage that its beginning does not show."""
    return bool(facts.pictures) and facts.length_ms <= settings.check_seconds * 1000


def _is_uncounted(master: Master) -> bool:
    """Nobody who copied or encoded it has counted its packets on the way."""
    return master.packets_sha256 is None and master.packets_reason is None


def _is_wanted(row: Rendition) -> bool:
    return row.kind is not RenditionKind.PLAYBACK and row.state in (RenditionState.WANTED, RenditionState.MAKING)


def _write_cues(said: SurveySaid, board: Storyboard | None, facts: MediaFacts, folder: Path) -> None:
    if board is None or not said.starts:
        return
    end = max(facts.length_ms / 1000, said.starts[-1] + board.interval)
    text = cues(sorted(said.starts), end=end, width=board.width, height=board.height)
    (folder / CUES).write_text(text, encoding="utf-8")
