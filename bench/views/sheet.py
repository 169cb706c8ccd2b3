"""A table in words, for whoever draws it: as Markdown here, as a part of the report there."""

from dataclasses import dataclass

from bench.views.export import markdown_table, markdown_words


@dataclass(frozen=True)
class Sheet:
    """What a table is called and what it is of, its header and rows, and sentences that follow from it."""

    name: str
    what: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    sentences: tuple[str, ...] = ()


def as_markdown(sheet: Sheet) -> str:
    """A line in bold, the table, and the sentences."""
    table = markdown_table(sheet.header, sheet.rows)
    title, *sentences = map(markdown_words, (f"**{sheet.name}**: {sheet.what}", *sheet.sentences))
    return "\n\n".join((title, table, *sentences)) + "\n"
