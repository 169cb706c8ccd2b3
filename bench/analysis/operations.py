"""What a condition can do with columns and literals: compare, reckon, look into texts and lists.

A value is a column (`pa.ChunkedArray`) of numbers, texts, truth values, times or lists, a literal, or a list
of literals. What does not go together is a `ConditionError`.
"""

import datetime
import re
from collections.abc import Callable
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from bench.errors import ConditionError, reason
from bench.records.arrays import scalar
from bench.records.scenario import SETTINGS

Value: TypeAlias = Any
"""A `pa.ChunkedArray`, or None, bool, int, float, str, or a list of these."""
_FALSE = scalar(False)
_PART_OF_A_DATE = re.compile(r"\d{4}(-\d{2})?$")


def plain(column: pa.ChunkedArray, name: str) -> Value:
    """A column as a value; lists of settings as texts: "50-50" for two layers, "relu" where all have that."""
    if name in SETTINGS and pa.types.is_list(column.type):
        texts = [None if items is None else _joined(items) for items in column.to_pylist()]
        return pa.chunked_array([pa.array(texts, pa.string())])
    return column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column


def _joined(items: list[Any]) -> str:
    names = [str(item) for item in items]
    return names[0] if len(set(names)) == 1 and not names[0].isdigit() else "-".join(names)


def kind(value: Value) -> str:
    """ "number", "text", "truth", "time", "list", or "nothing"."""
    if isinstance(value, pa.ChunkedArray):
        of = pa.types
        tests = {
            "truth": of.is_boolean,
            "text": of.is_string,
            "time": of.is_timestamp,
            "list": of.is_list,
            "nothing": of.is_null,
        }
        return next((name for name, holds in tests.items() if holds(value.type)), "number")
    names = {bool: "truth", int: "number", float: "number", str: "text", list: "list", type(None): "nothing"}
    return names[type(value)]


def truth(value: Value) -> Any:  # noqa: ANN401 -- a column of truth values, or one of them
    """A condition; what is missing does not hold."""
    if kind(value) != "truth":
        raise ConditionError(f"{_shown(value)} is not a condition")
    return pc.fill_null(value, _FALSE) if isinstance(value, pa.ChunkedArray) else scalar(value)


def compare(by: str, left: Value, right: Value) -> Any:  # noqa: ANN401 -- as `truth`
    """`left` == `right` and the like; != holds where either is missing, all others do not."""
    if by in ("in", "not in"):
        held = _contains(left, right)
        return pc.invert(held) if by == "not in" else held
    if left is None or right is None:
        held = _missing(right if left is None else left)
        if by not in ("==", "!="):
            raise ConditionError(f"{by} None: use == None or != None")
        return pc.invert(held) if by == "!=" else held
    if by in ("==", "!=") and isinstance(left, list) != isinstance(right, list):  # as in pandas
        items, value = (left, right) if isinstance(left, list) else (right, left)
        return compare({"==": "in", "!=": "not in"}[by], value, items)
    left, right = _alike(left, right, by)
    compute: Callable[[Any, Any], Any] = {
        "==": pc.equal,
        "!=": pc.not_equal,
        "<": pc.less,
        "<=": pc.less_equal,
        ">": pc.greater,
        ">=": pc.greater_equal,
    }[by]
    return pc.fill_null(compute(left, right), scalar(by == "!="))


def arithmetic(sign: str, left: Value, right: Value) -> Value:
    """Of numbers, in floating point; a division by zero is missing, or infinite."""
    if kind(left) != "number" or kind(right) != "number":
        raise ConditionError(f"{_shown(left)} {sign} {_shown(right)}: arithmetic is for numbers")
    a, b = (_float(value) for value in (left, right))
    compute: Callable[[Any, Any], Any] = {
        "+": pc.add,
        "-": pc.subtract,
        "*": pc.multiply,
        "/": pc.divide,
        "//": lambda a, b: pc.floor(pc.divide(a, b)),
        "%": lambda a, b: pc.subtract(a, pc.multiply(b, pc.floor(pc.divide(a, b)))),
        "**": pc.power,
    }[sign]
    found = compute(a, b)
    return found.as_py() if isinstance(found, pa.Scalar) else found


def _float(value: Value) -> Any:  # noqa: ANN401 -- a column or a scalar of float64
    if isinstance(value, pa.ChunkedArray):
        return value.cast(pa.float64(), safe=False)
    try:
        return scalar(float(value))
    except OverflowError as error:
        raise ConditionError("a number that is too large") from error


def _alike(left: Value, right: Value, by: str) -> tuple[Any, Any]:
    """Both of one type: a text beside times is a time."""
    kinds = {kind(left), kind(right)}
    if kinds == {"time", "text"} and any(isinstance(value, str) for value in (left, right)):
        return tuple(_time(value) if isinstance(value, str) else value for value in (left, right))
    if kinds == {"number"}:
        return _float(left), _float(right)
    if kinds == {"truth", "number"}:  # jit == 1
        return _as_number(left), _as_number(right)
    if kinds == {"list", "text"}:
        raise ConditionError(f"{_shown(left)} {by} {_shown(right)}: write TEXT in COLUMN")
    if kinds == {"text"}:
        return tuple(scalar(value) if isinstance(value, str) else value for value in (left, right))
    if len(kinds) > 1 or kinds == {"list"}:
        raise ConditionError(
            f"{_shown(left)} {by} {_shown(right)}: {_a(kind(left))} beside {_a(kind(right))}"
        )
    return left, right


def _as_number(value: Value) -> Any:  # noqa: ANN401
    """1 for true, 0 for false."""
    if isinstance(value, pa.ChunkedArray) and pa.types.is_boolean(value.type):
        return value.cast(pa.int8()).cast(pa.float64())
    return _float(value)


def _time(text: str) -> pa.Scalar:
    """ISO 8601, in UTC unless it says otherwise; a month or a year alone begins with its first day."""
    whole = f"{text}-01-01"[: len("2026-01-01")] if _PART_OF_A_DATE.match(text.strip()) else text.strip()
    try:
        time = datetime.datetime.fromisoformat(whole)
        time = time if time.tzinfo else time.replace(tzinfo=datetime.UTC)
        return pa.scalar(time.astimezone(datetime.UTC), pa.timestamp("us", tz="UTC"))
    except (ValueError, OverflowError) as error:
        raise ConditionError(
            f"{_shown(text)} is no date, write it like 2026-01-31 or 2026-01-31T14:25"
        ) from error


def _contains(item: Value, whole: Value) -> Any:  # noqa: ANN401 -- as `truth`
    """Whether a list, a column of lists or a text holds `item`."""
    if isinstance(whole, list):
        held: Any = _FALSE
        for one in whole:
            held = pc.or_(held, compare("==", item, one))
        return held if whole or not isinstance(item, pa.ChunkedArray) else _none(item)
    if isinstance(item, pa.ChunkedArray) or not isinstance(whole, pa.ChunkedArray):
        raise ConditionError(f"{_shown(item)} in {_shown(whole)}: write COLUMN in [LIST], or ITEM in COLUMN")
    if kind(whole) == "text" and isinstance(item, str):
        return pc.fill_null(pc.match_substring(whole, item), _FALSE)
    if kind(whole) == "list":
        return pa.chunked_array([pa.array([item in (of or ()) for of in whole.to_pylist()], pa.bool_())])
    raise ConditionError(f"{_shown(item)} in {_shown(whole)}: {_a(kind(whole))} holds no {kind(item)}")


def _none(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array([False] * len(column), pa.bool_())])


def _missing(value: Value) -> Any:  # noqa: ANN401 -- as `truth`
    return pc.is_null(value) if isinstance(value, pa.ChunkedArray) else scalar(value is None)


def _numeric(compute: Callable[[Any], Any]) -> Callable[[Value], Value]:
    def call(value: Value) -> Value:
        if kind(value) != "number":
            raise ConditionError(f"{_shown(value)} is no number")
        found = compute(_float(value))
        return found.as_py() if isinstance(found, pa.Scalar) else found

    return call


def _length(value: Value) -> Value:
    if kind(value) == "list" and isinstance(value, pa.ChunkedArray):
        return pc.list_value_length(value)
    raise ConditionError(f"{_shown(value)} has no length")


def _textual(compute: Callable[[Any, str], Any]) -> Callable[[Value, Value], Value]:
    def call(column: Value, text: Value) -> Value:
        if not isinstance(column, pa.ChunkedArray) or kind(column) != "text" or not isinstance(text, str):
            raise ConditionError("it is for a column of texts, and takes a text")
        try:
            return pc.fill_null(compute(column, text), _FALSE)
        except pa.ArrowException as error:
            raise ConditionError(f"{_shown(text)}: {reason(error)}") from error

    return call


def _a(name: str) -> str:
    return {"nothing": "nothing", "truth": "a truth value"}.get(name, f"a {name}")


def _shown(value: Value) -> str:
    if isinstance(value, pa.ChunkedArray):
        return f"a column of {'truth value' if kind(value) == 'truth' else kind(value)}s"
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:40]}…"


FUNCTIONS: dict[str, Callable[..., Value]] = {
    "abs": _numeric(pc.abs),
    "round": _numeric(pc.round),
    "sqrt": _numeric(pc.sqrt),
    "log": _numeric(pc.ln),
    "log2": _numeric(pc.log2),
    "log10": _numeric(pc.log10),
    "len": _length,
}
METHODS: dict[str, Callable[..., Value]] = {
    "isin": lambda column, items: compare("in", column, items),
    "isna": _missing,
    "isnull": _missing,
    "notna": lambda column: pc.invert(_missing(column)),
    "notnull": lambda column: pc.invert(_missing(column)),
    "str.contains": _textual(pc.match_substring_regex),
    "str.startswith": _textual(pc.starts_with),
    "str.endswith": _textual(pc.ends_with),
}
