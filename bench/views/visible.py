"""Text from outside as a person may read it: nothing in it steers a terminal or passes for other text.

Labels, titles, errors and names come from files, other machines and other people. Tables for programs (CSV,
JSON) keep them as they are.
"""

import unicodedata
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

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
    import pyarrow as pa

    for number, field in enumerate(table.schema):
        if pa.types.is_primitive(getattr(field.type, "value_type", field.type)):
            continue
        found = table.column(number).to_pylist()
        shown = [_visible(field.name, value) for value in found]
        if shown != found:
            table = table.set_column(number, field, pa.array(shown, field.type))
    return table


def _visible(name: str, value: Any) -> Any:  # noqa: ANN401 -- a cell of a table holds anything
    if isinstance(value, str):
        return visible_lines(value) if name == "error" else visible(value)
    return [_visible(name, item) for item in value] if isinstance(value, list | tuple) else value


def _escaped(character: str) -> str:
    byte = ord(character) - 0xDC00  # where Python keeps a byte that it could not decode
    return f"\\x{byte:02x}" if 0x80 <= byte <= 0xFF else character.encode("unicode_escape").decode()
