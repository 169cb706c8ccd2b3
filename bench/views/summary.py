"""Summaries of scenarios as a table for the terminal, and as CSV, Markdown and JSON."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from bench.analysis.origin import Origin
from bench.analysis.sessions import SessionFacts
from bench.analysis.summary import COLUMNS, ScenarioSummary
from bench.views.export import csv_text, json_text, markdown_table, markdown_words
from bench.views.format import full_name
from bench.views.origins import origin_names, origin_numbers, told_by
from bench.views.precision import precision_lines
from bench.views.summary_columns import Column, columns_of, legend
from bench.views.summary_head import head_lines, is_by_session
from bench.views.width import ByWidth

GAP = 2
"""Blank columns between two columns."""
ESSENTIAL, USEFUL = 3, 8
"""Columns of a higher rank give way before a scenario's name, or other words, take several lines."""
LONGEST_WORD = 32
"""Of a name without a blank: it takes more room only where that is left over."""
SCENARIO = Column("scenario", "label", lambda s: Text(s.label), 0, words=True)


def summary_table(
    summaries: Sequence[ScenarioSummary], sessions: Sequence[SessionFacts] = (), others: int = 0
) -> RenderableType:
    """One table per suite and sweep, with the columns that fit; failures are written out below.

    Above them stands which `sessions` they are of, and how many `others` there are.
    """
    return ByWidth(lambda width: Group(*_parts(summaries, sessions, others, width)))


def as_csv(summaries: Iterable[ScenarioSummary]) -> str:
    """One line per scenario: every column of the summary as a plain number or text."""
    return csv_text(COLUMNS, [_plain(summary) for summary in summaries])


def as_json(summaries: Iterable[ScenarioSummary]) -> str:
    """A list of objects under the summary's own names; failures and flags as name: count."""
    return json_text([{**vars(s), "failures": dict(s.failures), "flags": dict(s.flags)} for s in summaries])


def as_markdown(
    summaries: Sequence[ScenarioSummary], sessions: Sequence[SessionFacts] = (), others: int = 0
) -> str:
    """One table for a README or an issue; above it which `sessions` it is of."""
    columns, names = columns_of(summaries), origin_names(s.origin for s in summaries)
    by = [told_by(names)] if len(names) > 1 else []
    header = ["sweep", "scenario", *by, *(column.title for column in columns)]
    rows = [
        [s.sweep, s.label, *([names[s.origin]] if by else []), *(str(c.cell(s)) for c in columns)]
        for s in summaries
    ]
    head = [markdown_words(line) for line in head_lines(summaries, sessions, others, {})] if sessions else []
    return "\n\n".join((*head, markdown_table(header, rows))) + "\n"


def _parts(
    summaries: Sequence[ScenarioSummary], sessions: Sequence[SessionFacts], others: int, width: int
) -> Iterable[RenderableType]:
    numbers = origin_numbers(summary.origin for summary in summaries)
    head = list(head_lines(summaries, sessions, others, numbers)) if sessions else []
    yield from (*map(Text, head), *([Text()] if head else []))
    groups = _by_sweep(summaries)
    first = [SCENARIO, *_origin_column(numbers)]
    columns = [(*first, *columns_of(members)) for _, members in groups]
    layouts = {}
    for same in dict.fromkeys(columns):  # tables with the same columns stand below each other alike
        alike = [s for (_, members), its in zip(groups, columns, strict=True) if its == same for s in members]
        layouts[same] = _layout(alike, same, width)
    for ((suite, sweep), members), its in zip(groups, columns, strict=True):
        yield Text(f"{suite} · {sweep}", "bold cyan")
        yield _table(members, layouts[its])
        yield Text()
    shown = {column.title for layout in layouts.values() for column in layout}
    named = numbers if not head or not is_by_session(numbers) else {}
    yield from (*_names(named), *_below(summaries, numbers, legend(shown, _is_pooled(summaries))))


def _by_sweep(summaries: Iterable[ScenarioSummary]) -> list[tuple[tuple[str, str], list[ScenarioSummary]]]:
    """The members of each suite and sweep in their order, whichever it is: a sweep has one table."""
    found: dict[tuple[str, str], list[ScenarioSummary]] = {}
    for summary in summaries:
        found.setdefault((summary.suite, summary.sweep), []).append(summary)
    return list(found.items())


def _table(members: Iterable[ScenarioSummary], layout: Mapping[Column, int]) -> Table:
    table = Table(box=SIMPLE_HEAD, header_style="bold", padding=(0, 1, 0, 0), show_edge=False, pad_edge=False)
    for column, width in layout.items():
        table.add_column(
            column.title,
            justify="left" if column.words else "right",
            no_wrap=not column.words,
            width=width,
            overflow="fold",
        )
    for summary in members:
        table.add_row(*(column.cell(summary) for column in layout), style="" if summary.ok else "dim")
    return table


def _layout(summaries: Sequence[ScenarioSummary], columns: Iterable[Column], width: int) -> dict[Column, int]:
    """The columns that fit and how broad each is. What is left over goes to the words that need it."""
    sizes = {column: (_least(column, summaries), _most(column, summaries)) for column in columns}
    while first := max((c for c in sizes if c.rank), key=lambda c: c.rank, default=None):
        if _needed(sizes, first.rank) <= width:
            break
        del sizes[first]
    room = width - sum(least + GAP for least, _ in sizes.values()) + GAP
    layout = {}
    for column, (least, most) in sizes.items():
        layout[column] = least + min(most - least, max(room, 0))
        room -= layout[column] - least
    return layout


def _needed(sizes: Mapping[Column, tuple[int, int]], rank: int) -> int:
    """What the columns take as long as one of `rank` is among them: see ESSENTIAL and USEFUL."""
    total = -GAP
    for column, (least, most) in sizes.items():
        whole = rank > (ESSENTIAL if column is SCENARIO else USEFUL)
        total += GAP + (most if whole else least)
    return total


def _least(column: Column, summaries: Iterable[ScenarioSummary]) -> int:
    """The least width that holds every figure, or every word, whole; a word that is too long is folded."""
    if not column.words:
        return _most(column, summaries)
    words = (word for s in summaries for word in str(column.cell(s)).split())
    return max(len(column.title), min(max(map(len, words), default=0), LONGEST_WORD))


def _most(column: Column, summaries: Iterable[ScenarioSummary]) -> int:
    return max(map(len, (column.title, *(str(column.cell(s)) for s in summaries))))


def _is_pooled(summaries: Iterable[ScenarioSummary]) -> bool:
    return any(summary.session_id is None for summary in summaries)


def _origin_column(numbers: Mapping[Origin, str]) -> list[Column]:
    return [Column("on", "machine", lambda s: numbers[s.origin], 0)] if numbers else []


def _names(numbers: Mapping[Origin, str]) -> Iterable[RenderableType]:
    """What the numbers stand for."""
    names = origin_names(numbers)
    for origin, number in numbers.items():
        yield Text.assemble((f"on {number}  ", "bold"), names[origin])
    if numbers:
        yield Text()


def _below(
    summaries: Sequence[ScenarioSummary], numbers: Mapping[Origin, str], meanings: str
) -> Iterable[RenderableType]:
    """What failed, how precise the times are, and what the columns mean."""
    failures = [failure_line(s, numbers) for s in summaries if s.failures]
    precision = [Text(line) for line in precision_lines(summaries, numbers)]
    for lines in filter(None, (failures, precision)):
        yield from (*lines, Text())
    yield Text(meanings, "dim")


def failure_line(summary: ScenarioSummary, numbers: Mapping[Origin, str]) -> Text:
    """What became of a scenario's runs that did not end ok; `numbers` are those of `origin_numbers`."""
    what = ", ".join(f"{n} {status}" for status, n in summary.failures)
    where = f" on {numbers[summary.origin]}" if numbers else ""
    error = f": {summary.error}" if summary.error else ""
    return Text(
        f"✗ {full_name(summary.sweep, summary.label)}{where}: {what} of {summary.runs}{error}",
        "red",
        overflow="fold",
    )


def _plain(summary: ScenarioSummary) -> dict[str, Any]:
    counted = {"failures": summary.failures, "flags": summary.flags}
    texts = {name: " ".join(f"{k}={n}" for k, n in pairs) for name, pairs in counted.items()}
    return {**vars(summary), **texts}
