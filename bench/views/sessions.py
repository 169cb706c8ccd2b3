"""Sessions as tables: one for each folder that they lie in, a row for each session."""

import datetime
import posixpath
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Group, JustifyMethod, RenderableType
from rich.table import Table
from rich.text import Text

from bench.records.listing import Listed
from bench.views.export import csv_text, json_text, markdown_table
from bench.views.format import NONE, bytes_, count, several
from bench.views.visible import visible

COLUMNS = ("session_id", "suite", "machines", "began", "runs", "ok", "state", "bytes", "path")
_HEADER = ("session", "suite", "machine", "began", "ok", "state", "size")
_FIGURES = frozenset({"ok", "size"})
_NAME_COLUMNS = 20  # as many as a name by bench has
_STYLES = {"going on": "green", "interrupted": "yellow", "not ended": "yellow", "damaged": "bold red"}


def sessions_table(sessions: Sequence[Listed]) -> RenderableType:
    """A table for each folder that sessions lie in, then what they take together."""
    by_folder = sorted(sessions, key=lambda session: posixpath.split(session.path))
    parts: list[RenderableType] = []
    for folder, members in groupby(by_folder, key=lambda session: posixpath.dirname(session.path)):
        parts += [Text(visible(folder), "bold cyan"), _table(list(members)), Text()]
    return Group(*parts, Text(total_line(sessions)))


def _table(sessions: Sequence[Listed]) -> Table:
    rows = [[visible(cell) for cell in _cells(session)] for session in sessions]
    table = Table(box=SIMPLE_HEAD, header_style="bold", padding=(0, 1, 0, 0), show_edge=False, pad_edge=False)
    short = max(len(row[0]) for row in rows) <= _NAME_COLUMNS
    for name in _HEADER:
        figures = name in _FIGURES
        justify: JustifyMethod = "right" if figures else "left"
        whole = figures or (name == "session" and short)
        table.add_column(name, justify=justify, no_wrap=whole, overflow="fold")
    for session, cells in zip(sessions, rows, strict=True):
        style = _STYLES.get(session.state, "")
        table.add_row(*(Text(cell, style if cell == session.state else "") for cell in cells))
    return table


def sessions_markdown(sessions: Sequence[Listed]) -> str:
    """The same as Markdown, where each row says where its session is."""
    rows = [[*map(visible, _cells(session)), visible(session.path)] for session in sessions]
    return f"{markdown_table((*_HEADER, 'path'), rows)}\n\n{total_line(sessions)}\n"


def sessions_csv(sessions: Iterable[Listed]) -> str:
    """One line a session, names of machines with semicolons between them."""
    records = ({**_record(it), "machines": "; ".join(it.machines)} for it in sessions)
    return csv_text(COLUMNS, records)


def sessions_json(sessions: Iterable[Listed]) -> str:
    """A list of one object a session."""
    return json_text([_record(session) for session in sessions])


def total_line(sessions: Sequence[Listed]) -> str:
    """How many sessions there are, their runs, and what they take."""
    runs = sum(session.runs or 0 for session in sessions)
    size = bytes_(sum(session.bytes for session in sessions))
    return f"{several(len(sessions), 'session')}, {several(runs, 'run')}, {size}"


def _cells(session: Listed) -> tuple[str, ...]:
    return (
        posixpath.basename(session.path),
        session.suite or NONE,
        _machines(session.machines),
        _minute(session.began),
        NONE if session.runs is None else f"{count(session.ok)}/{count(session.runs)}",
        session.state,
        bytes_(session.bytes),
    )


def _machines(names: Sequence[str]) -> str:
    if not names:
        return NONE
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return f"{names[0]}{more}"


def _minute(began: datetime.datetime | None) -> str:
    """In the time of whoever looks."""
    return NONE if began is None else f"{began.astimezone():%Y-%m-%d %H:%M}"


def _record(session: Listed) -> dict[str, Any]:
    began = None if session.began is None else session.began.isoformat()
    record = {name: getattr(session, name, None) for name in COLUMNS}
    return {**record, "machines": list(session.machines), "began": began}
