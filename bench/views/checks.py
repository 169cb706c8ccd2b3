"""What a check of sessions found: a row for each, and below it what is damaged, lost and to be done."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from bench.records.checking import Checked, Verdict
from bench.views.export import csv_text, json_text, markdown_table, markdown_words
from bench.views.format import bytes_, several
from bench.views.visible import visible

COLUMNS = ("path", "state", "bytes", "verdict", "damage", "lost", "remedy", "repaired", "strays", "notes")
_WORDS: dict[Verdict, tuple[str, str, str]] = {
    "whole": ("✓", "green", "whole"),
    "no checksums": ("✓", "green", "read whole; an older bench wrote it, without checksums to hold it to"),
    "damaged": ("✗", "bold red", "damaged"),
}


def checks_text(checked: Iterable[Checked]) -> RenderableType:
    """A paragraph a session, then how many of them are whole."""
    sessions = list(checked)
    return Group(*(part for it in sessions for part in _paragraph(it)), Text(total_line(sessions)))


def checks_markdown(checked: Sequence[Checked]) -> str:
    """A table with a row a session, and a list of what is to be said of them."""
    rows = [(visible(it.path), it.state, bytes_(it.bytes), verdict(it)) for it in checked]
    said = [f"- {markdown_words(visible(line))}" for it in checked for line in lines(it)]
    parts = (
        markdown_table(("session", "state", "size", "verdict"), rows),
        "\n".join(said),
        total_line(checked),
    )
    return "\n\n".join(filter(None, parts)) + "\n"


def checks_csv(checked: Iterable[Checked]) -> str:
    """One line a session, with semicolons between what there are several of."""
    records = (
        {name: "; ".join(value) if isinstance(value, list) else value for name, value in _record(it).items()}
        for it in checked
    )
    return csv_text(COLUMNS, records)


def checks_json(checked: Iterable[Checked]) -> str:
    """A list of one object a session."""
    return json_text([_record(it) for it in checked])


def total_line(checked: Sequence[Checked]) -> str:
    """How many there are of each kind."""
    counts = Counter(it.verdict for it in checked)
    repaired = sum(bool(it.repaired) for it in checked)
    words = [f"{counts[kind]:,} {kind}" for kind in _WORDS if counts[kind]]
    words += [f"{repaired:,} repaired"] if repaired else []
    return f"{several(len(checked), 'session')}: {', '.join(words)}"


def verdict(checked: Checked) -> str:
    """In words."""
    words = _WORDS[checked.verdict][2]
    return f"repaired, now {words}" if checked.repaired else words


def lines(checked: Checked) -> Iterator[str]:
    """What is to be said of a session beside its verdict, a line each."""
    yield from checked.repaired
    yield from checked.damage
    if checked.lost:
        yield f"lost: {', '.join(checked.lost)}"
    elif checked.damage and checked.repair:
        yield "nothing is lost"
    if checked.remedy:
        yield checked.remedy
    yield from checked.notes
    yield from (f"{name}: left by a process that was killed, belongs to nobody" for name in checked.strays)


def _paragraph(checked: Checked) -> Iterator[Text]:
    mark, style, _ = _WORDS[checked.verdict]
    about = f"  {checked.state}, {bytes_(checked.bytes)}: {verdict(checked)}"
    yield Text.assemble((f"{mark} ", style), visible(checked.path), about)
    for line in lines(checked):
        yield Text(f"    {visible(line)}")


def _record(checked: Checked) -> dict[str, Any]:
    record = {name: getattr(checked, name) for name in COLUMNS}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in record.items()}
