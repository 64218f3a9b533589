"""One sheet of measurements: printed as a table, written to build/bench/<name>.json.

Nothing here judges by the clock: each row is a ratio of two things that were measured in turns on the same machine.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

WRITTEN = Path(__file__).resolve().parents[2] / "build" / "bench"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One case. `limit` bounds `ratio` from above, or from below where `at_least`; None: only told.

    `load` is the machine's load average over the last minute, two of which mean that two cores are busy.
    """

    case: str
    ours: float
    reference: float | None
    unit: str
    ratio: float | None
    limit: float | None
    at_least: bool = False
    load: float = 0.0
    detail: dict[str, Any] = field(default_factory=dict)

    @property
    def holds(self) -> bool:
        """Whether the limit is kept. One without a ratio is not."""
        if self.limit is None:
            return True
        if self.ratio is None:
            return False
        return self.ratio >= self.limit if self.at_least else self.ratio <= self.limit


class Sheet:
    """The rows of one benchmark."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.rows: list[Row] = []

    def add(
        self,
        case: str,
        *,
        ours: float,
        unit: str,
        reference: float | None = None,
        limit: float | None = None,
        at_least: bool = False,
        **detail: Any,
    ) -> Row:
        """Add a row and write the sheet down, so that an interrupted run leaves what it has."""
        row = Row(
            case=case,
            ours=_short(ours),
            reference=None if reference is None else _short(reference),
            unit=unit,
            ratio=_short(ours / reference) if reference else None,
            limit=limit,
            at_least=at_least,
            load=round(os.getloadavg()[0], 2),
            detail=detail,
        )
        self.rows.append(row)
        self._write()
        return row

    @property
    def broken(self) -> list[Row]:
        """Rows whose limit is not kept."""
        return [row for row in self.rows if not row.holds]

    def as_table(self) -> str:
        """The table as people read it."""
        table = Table(title=self.name, title_justify="left", show_edge=False, header_style="bold")
        table.add_column("case")
        for name in ("ours", "reference", "unit", "ratio", "limit", "", "load"):
            table.add_column(name, justify="left" if name in {"unit", ""} else "right")
        for row in self.rows:
            table.add_row(*_cells(row))
        console = Console(width=132, force_terminal=False)
        with console.capture() as captured:
            console.print(table)
        return captured.get()

    def _write(self) -> None:
        WRITTEN.mkdir(parents=True, exist_ok=True)
        rows = [{**asdict(row), "holds": row.holds} for row in self.rows]
        (WRITTEN / f"{self.name}.json").write_text(json.dumps(rows, indent=2) + "\n", "utf-8")


def _short(value: float) -> float:
    return float(f"{value:.4g}")


def _cells(row: Row) -> list[str]:
    limit = "" if row.limit is None else f"{'≥' if row.at_least else '≤'} {row.limit:g}"
    verdict = "" if row.limit is None else ("holds" if row.holds else "BROKEN")
    values = [f"{value:g}" if value is not None else "–" for value in (row.ours, row.reference, row.ratio)]
    return [row.case, values[0], values[1], row.unit, values[2], limit, verdict, f"{row.load:g}"]
