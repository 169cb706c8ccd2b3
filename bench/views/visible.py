"""Text from outside as a person may read it: nothing in it steers a terminal or passes for other text.

Labels, titles, errors and names come from files, other machines and other people. Tables for programs (CSV,
JSON) keep them as they are.
"""

import unicodedata
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

    from bench.records.arrow_columns import Codes

_STEERING = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode's general categories: control, format (right-to-left overrides), surrogate, separators of lines."""
_JOINERS = frozenset("\u200c\u200d")
"""Of the format characters those that scripts and emoji are written with."""


def visible(text: str) -> str:
    r"""`text` on one line, with what steers instead of showing as an escape: "\x1b", "\n", "\u202e".

    A byte of a file's name that is no UTF-8 is shown as that byte, as "\xe9".
    """
    if text.isprintable():
        return text
    return "".join(_escaped(character) if steers(character) else character for character in text)


def visible_lines(text: str) -> str:
    """The same line by line, for a text of several."""
    return "\n".join(map(visible, text.replace("\r\n", "\n").split("\n")))


def steers(character: str) -> bool:
    """Whether it does something else than to stand there to be seen."""
    return unicodedata.category(character) in _STEERING and character not in _JOINERS


def visible_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row whose texts are visible, each on one line but for those of `error`."""
    return {name: _visible(name, value) for name, value in row.items()}


def visible_table(table: "pa.Table") -> "pa.Table":
    """The same of all rows; columns that hold nothing to change stay as they are, and so does the schema."""
    for number, field in enumerate(table.schema):
        shown = _shown(field, table.column(number))
        if shown is not None:
            table = table.set_column(number, field, shown)
    return table


def _shown(field: "pa.Field", column: "pa.ChunkedArray") -> "pa.ChunkedArray | None":
    """A column with what steers in its texts as escapes; None where there is nothing of the kind in it."""
    import pyarrow as pa

    from bench.records.arrow_columns import texts

    kind = field.type
    if pa.types.is_string(kind) or pa.types.is_dictionary(kind):
        found = _texts_shown(field.name, column)
        return None if found is None else texts(found, kind)
    if not pa.types.is_list(kind) or not pa.types.is_string(kind.value_type):
        return None
    items = pa.chunked_array([chunk.flatten() for chunk in column.chunks], kind.value_type)
    if _texts_shown(field.name, items) is None:
        return None
    return pa.chunked_array([pa.array([_visible(field.name, of) for of in column.to_pylist()], kind)])


def _texts_shown(name: str, column: "pa.ChunkedArray") -> "Codes | None":
    """The texts of a column as `visible` has them; None where they are that already."""
    import pyarrow as pa
    import pyarrow.compute as pc

    from bench.records.arrow_columns import codes

    if pa.types.is_string(column.type) and pc.all(pc.ascii_is_printable(column)).as_py() is not False:
        return None  # as most are: found out ten times as fast
    found = codes(column)
    shown = [_visible(name, text) for text in found.values]
    return None if shown == found.values else found.mapped(shown)


def _visible(name: str, value: Any) -> Any:  # noqa: ANN401 -- a cell of a table holds anything
    if isinstance(value, str):
        return visible_lines(value) if name == "error" else visible(value)
    return [_visible(name, item) for item in value] if isinstance(value, list | tuple) else value


def _escaped(character: str) -> str:
    byte = ord(character) - 0xDC00  # where Python keeps a byte that it could not decode
    return f"\\x{byte:02x}" if 0x80 <= byte <= 0xFF else character.encode("unicode_escape").decode()
