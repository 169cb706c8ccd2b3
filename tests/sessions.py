"""What sessions hold on the disk, whole in memory as tests want it."""

import io

from bench.records.entries import JournalContent, blocks
from bench.records.journal import FILE_NAME
from bench.records.lines import Lines
from bench.records.store import read_sessions
from bench.records.tables import timed_rows


def parsed(text: bytes, where: str = "journal.jsonl") -> JournalContent:
    """All whole entries of a journal."""
    whole, lines = JournalContent(), Lines(io.BytesIO(text), where)
    for part in blocks(lines, lines.damage):
        whole.header = part.header or whole.header
        for name in ("runs", "epochs", "machines", "entries"):
            getattr(whole, name).extend(getattr(part, name))
    return whole


def journal_of(folder):
    """All entries of the journal in `folder`."""
    return parsed((folder / FILE_NAME).read_bytes())


def without_seal(entry):
    """An entry as a bench wrote it that sealed none."""
    return {key: value for key, value in entry.items() if key not in ("crc32", "entry")}


def recorded(folder):
    """The rows of the runs in `folder`, as anybody reads them."""
    return timed_rows(read_sessions([str(folder)]).runs)
