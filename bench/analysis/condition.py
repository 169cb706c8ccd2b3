"""Conditions on rows of a table, in a small part of pandas' query language: nothing in them can run code.

What Python's parser makes of a condition is walked node by node, and only the kinds of node below are known:
comparisons, arithmetic, `and`, `or`, `not` (also `&`, `|`, `~`), `in`, columns, numbers, texts, lists, and
the functions and methods of `bench.analysis.operations`. A comparison with what is missing does not hold, as
in pandas; that something is missing is `column == None` or `column.isna()`. A setting that an older table
lacks has the value that the table was made with.
"""

import ast
import contextlib
import difflib
import itertools
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from bench.analysis import operations as op
from bench.analysis.operations import Value
from bench.analysis.outcomes import outcomes
from bench.errors import ConditionError, reason
from bench.records.arrays import scalar
from bench.records.asked import Known
from bench.records.scenario import OLDER

_OPERATOR_OR_TEXT = re.compile(r"""("(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')|([&|`])""")
_PYTHON = {"&": " and ", "|": " or ", "`": ""}
_LITERALS = frozenset({"true", "false"})
_ALLOWED = (
    f"comparisons, arithmetic, and, or, not, in, columns, literals, {', '.join(op.FUNCTIONS)}, "
    f"{', '.join(f'.{name}' for name in op.METHODS)}"
)


@dataclass(frozen=True)
class Condition:
    """One in that language; whatever is asked of it raises ConditionError where it means nothing."""

    expression: str

    def rows_held(self, table: pa.Table) -> pa.ChunkedArray:
        """For each row of `table` whether it holds."""
        with _refusing():
            held = _value(self._tree, table)
        if not isinstance(held, pa.ChunkedArray) or not pa.types.is_boolean(held.type):
            raise ConditionError("not a condition")
        return pc.fill_null(held, scalar(False))

    @cached_property
    def names(self) -> frozenset[str]:
        """The columns that it reads, also those that there are not."""
        with _refusing():
            nodes = list(ast.walk(self._tree))
        called = {id(node.func) for node in nodes if isinstance(node, ast.Call)}
        names = {node.id for node in nodes if isinstance(node, ast.Name) and id(node) not in called}
        return frozenset(names - _LITERALS)

    def may_hold(self, known: Mapping[str, Known]) -> bool:
        """Whether it can hold for any row of a table of whose columns that much is `known`."""
        with _refusing():
            return outcomes(self._tree, {name: _known_as_made(name, of) for name, of in known.items()}).true

    @cached_property
    def _tree(self) -> ast.expr:
        with (
            _refusing(),
            warnings.catch_warnings(action="ignore"),
        ):  # Python's parser warns of "\\d" in a text
            return ast.parse(_as_python(self.expression).strip(), mode="eval").body


@contextlib.contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except SyntaxError as error:
        raise ConditionError(_syntax(error)) from error
    except (RecursionError, MemoryError) as error:
        raise ConditionError("too deep") from error
    except (pa.ArrowException, TypeError) as error:  # what goes together, and yet not as it is combined here
        raise ConditionError(f"cannot be evaluated: {reason(error)}") from error
    except ValueError as error:  # a null byte, or a number of thousands of digits
        raise ConditionError(reason(error)) from error


def _as_python(expression: str) -> str:
    """With `and` and `or` for & and |, as pandas has it, and without backticks; texts stay as they are."""
    return _OPERATOR_OR_TEXT.sub(lambda found: found[1] or _PYTHON[found[2]], expression)


def _syntax(error: SyntaxError) -> str:
    why = str(error.msg).rstrip(".").splitlines()[0]
    if "@" in (error.text or ""):
        return f"{why}; nothing but the table's columns can be named, and @ is not allowed"
    return f"{why}; == compares" if error.text and re.search(r"(?<![=<>!])=(?!=)", error.text) else why


def _value(node: ast.expr, table: pa.Table) -> Value:
    evaluate = _NODES.get(type(node))
    if evaluate is None:
        raise ConditionError(f"{_named(node)} is not allowed, only {_ALLOWED}")
    return evaluate(node, table)


def _named(node: ast.AST) -> str:
    text = ast.unparse(node)
    return repr(text if len(text) <= 40 else f"{text[:40]}…")


def _column(node: ast.Name, table: pa.Table) -> Value:
    if node.id in table.schema.names:
        return _as_made(node.id, op.plain(table.column(node.id), node.id))
    if node.id in _LITERALS:  # as suites write it
        return node.id == "true"
    near = difflib.get_close_matches(node.id, table.schema.names, n=1, cutoff=0.6)
    some = [name for name in ("batch_size", "loop", "machine", "status") if name in table.schema.names]
    remedy = f"did you mean {near[0]}?" if near else f"there are {', '.join(some)} and others"
    raise ConditionError(f"no column {_named(node)}, {remedy}")


def _as_made(name: str, column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column in which a table that is older than the setting has the value that it was made with."""
    if name not in OLDER or not column.null_count:
        return column
    return pc.fill_null(column, scalar(OLDER[name]).cast(column.type))


def _known_as_made(name: str, known: Known) -> Known:
    """The same of what is known of a column."""
    if name not in OLDER or not known.null:
        return known
    older = Known.always(OLDER[name])
    return known.or_else(older) if known.value else older


def _constant(node: ast.Constant, _table: pa.Table) -> Value:
    if node.value is not None and not isinstance(node.value, bool | int | float | str):
        raise ConditionError(f"{_named(node)} is not allowed, only {_ALLOWED}")
    if isinstance(node.value, str) and node.value != node.value.encode(errors="replace").decode():
        raise ConditionError("half a character in a text")
    return node.value


def _list(node: ast.List | ast.Tuple | ast.Set, table: pa.Table) -> Value:
    items = [_value(item, table) for item in node.elts]
    if any(isinstance(item, list | pa.ChunkedArray) for item in items):
        raise ConditionError("a list holds numbers and texts")
    return items


def _boolean(node: ast.BoolOp, table: pa.Table) -> Value:
    parts = [op.truth(_value(part, table)) for part in node.values]
    join: Callable[[Any, Any], Any] = pc.and_ if isinstance(node.op, ast.And) else pc.or_
    held = parts[0]
    for part in parts[1:]:
        held = join(held, part)
    return _whole(held)


def _unary(node: ast.UnaryOp, table: pa.Table) -> Value:
    value = _value(node.operand, table)
    if isinstance(node.op, ast.Not | ast.Invert):
        return _whole(pc.invert(op.truth(value)))
    return op.arithmetic("-" if isinstance(node.op, ast.USub) else "+", 0, value)


def _arithmetic(node: ast.BinOp, table: pa.Table) -> Value:
    sign = _SIGNS.get(type(node.op))
    if sign is None:
        raise ConditionError(f"{_named(node)} is not allowed, only {_ALLOWED}")
    return op.arithmetic(sign, _value(node.left, table), _value(node.right, table))


def _comparison(node: ast.Compare, table: pa.Table) -> Value:
    """Also a chain of them: 10 <= batch_size < 1000."""
    pairs = itertools.pairwise(_value(part, table) for part in (node.left, *node.comparators))
    held = [op.compare(_COMPARISONS[type(by)], a, b) for by, (a, b) in zip(node.ops, pairs, strict=True)]
    together = held[0]
    for more in held[1:]:
        together = pc.and_(together, more)
    return _whole(together)


def _call(node: ast.Call, table: pa.Table) -> Value:
    """A function of `FUNCTIONS`, or a method of `METHODS`, also by way of `.str`."""
    name, target = "", None
    if isinstance(node.func, ast.Name):
        name = node.func.id
    elif isinstance(node.func, ast.Attribute):
        name, target = node.func.attr, node.func.value
        if isinstance(target, ast.Attribute) and target.attr == "str":
            name, target = f"str.{name}", target.value
    known: dict[str, Callable[..., Value]] = op.FUNCTIONS if target is None else op.METHODS
    if name not in known or node.keywords:
        raise ConditionError(f"{_named(node)} is not allowed, only {_ALLOWED}")
    arguments = [*([target] if target is not None else []), *node.args]
    values = [_value(argument, table) for argument in arguments]
    try:
        return _whole(known[name](*values))
    except TypeError as error:
        raise ConditionError(f"{_named(node)} takes other arguments") from error


def _whole(value: Any) -> Value:  # noqa: ANN401 -- an array, or the scalar that pyarrow makes of two literals
    return value.as_py() if isinstance(value, pa.Scalar) else value


_SIGNS: dict[type[ast.operator], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.Pow: "**",
}
_COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.In: "in",
    ast.NotIn: "not in",
    ast.Is: "==",
    ast.IsNot: "!=",
}
_NODES: dict[type[ast.expr], Callable[[Any, pa.Table], Value]] = {
    ast.Name: _column,
    ast.Constant: _constant,
    ast.List: _list,
    ast.Tuple: _list,
    ast.Set: _list,
    ast.BoolOp: _boolean,
    ast.UnaryOp: _unary,
    ast.BinOp: _arithmetic,
    ast.Compare: _comparison,
    ast.Call: _call,
}
