"""Records as CSV, Markdown and JSON text."""

import csv
import io
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bench.views.visible import steers

_MARKS = re.compile(r"<(?=[A-Za-z/!?])|&(?=[#A-Za-z])|(?<=\])[(\[]")
"""What begins a tag or an entity, or makes a link of a text in brackets."""
_BARS = re.compile(r"(\\*)\|")


def csv_text(columns: Sequence[str], records: Iterable[Mapping[str, Any]]) -> str:
    """A header line and one line per record; what a record lacks is empty."""
    text = io.StringIO()
    # Some readers end a row at a carriage return, and Python quotes one only where it ends rows by it.
    writer = csv.DictWriter(text, fieldnames=columns, lineterminator="\r\n")
    writer.writeheader()
    lines = [_taken(text)]
    for record in records:
        writer.writerow(record)
        lines.append(_taken(text))
    return "".join(f"{line}\n" for line in lines)


def _taken(text: io.StringIO) -> str:
    """The row that was written, without its end; `text` is empty then."""
    row = text.getvalue().removesuffix("\r\n")
    text.seek(text.truncate(0))
    return row


def markdown_table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A GitHub table, without a line's end after the last row."""
    head = list(header)
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(_cell, line)) + " |" for line in lines)


def markdown_words(text: str) -> str:
    """`text` where Markdown would take parts of it for HTML or for a link."""
    return _MARKS.sub(lambda found: "\\" + found[0], text)


def _cell(text: str) -> str:
    """Within its cell: a bar that a backslash stands before needs that one doubled."""
    return _BARS.sub(r"\1\1\|", markdown_words(text))


def json_text(value: Any) -> str:  # noqa: ANN401 -- any plain value
    """Indented JSON; what is not finite is null, since JSON has no infinity and no NaN.

    Control characters are escapes of JSON's, also those that it would take as they are.
    """
    text = json.dumps(_strict(value), indent=2, ensure_ascii=False, default=str)
    return re.sub(r"[^\n -~]", _json_escaped, text) + "\n"


def _json_escaped(found: re.Match[str]) -> str:
    return json.dumps(found[0])[1:-1] if steers(found[0]) else found[0]


def _strict(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, Mapping):
        return {str(key): _strict(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_strict(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
