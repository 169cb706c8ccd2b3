"""What can come of a condition for rows that nobody has looked at, from what is known of their columns.

It leaves out what cannot hold and no more: a part that it does not understand may come out either way.
"""

import ast
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bench.records.asked import Known


@dataclass(frozen=True)
class Outcomes:
    """Whether a condition can hold for any of the rows, and whether it can fail to."""

    true: bool = True
    false: bool = True

    def __and__(self, other: "Outcomes") -> "Outcomes":
        return Outcomes(self.true and other.true, self.false or other.false)

    def __or__(self, other: "Outcomes") -> "Outcomes":
        return Outcomes(self.true or other.true, self.false and other.false)

    def __invert__(self) -> "Outcomes":
        return Outcomes(self.false, self.true)


_EITHER = Outcomes()


def outcomes(node: ast.expr, known: Mapping[str, Known]) -> Outcomes:
    """Of the condition `node` for any rows of columns of which so much is `known`."""
    if isinstance(node, ast.BoolOp):
        parts = [outcomes(part, known) for part in node.values]
        together = parts[0]
        for part in parts[1:]:
            together = together & part if isinstance(node.op, ast.And) else together | part
        return together
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.Invert):
        return ~outcomes(node.operand, known)
    return _chain(node, known) if isinstance(node, ast.Compare) else _EITHER


def _chain(node: ast.Compare, known: Mapping[str, Known]) -> Outcomes:
    together = Outcomes(true=True, false=False)
    for by, (left, right) in zip(node.ops, itertools.pairwise((node.left, *node.comparators)), strict=True):
        together &= _pair(type(by), left, right, known)
    return together


def _pair(by: type[ast.cmpop], left: ast.expr, right: ast.expr, known: Mapping[str, Known]) -> Outcomes:
    if by in (ast.In, ast.NotIn):
        found = _among(left, right, known)
        return found if by is ast.In else ~found
    if isinstance(left, ast.Constant):
        left, right, by = right, left, _TURNED.get(by, by)
    column = known.get(left.id) if isinstance(left, ast.Name) else None
    if column is None or not isinstance(right, ast.Constant):
        return _EITHER
    return _compared(by, column, right.value)


def _among(item: ast.expr, items: ast.expr, known: Mapping[str, Known]) -> Outcomes:
    if not isinstance(items, ast.List | ast.Tuple | ast.Set) or not isinstance(item, ast.Name):
        return _EITHER
    together = Outcomes(true=False, false=True)
    for one in items.elts:
        together |= _pair(ast.Eq, item, one, known)
    return together


def _compared(by: type[ast.cmpop], column: Known, literal: Any) -> Outcomes:  # noqa: ANN401 -- any literal
    """A missing value differs from every literal but None, and is neither below nor above one."""
    if by in (ast.NotEq, ast.IsNot):
        return ~_compared(ast.Eq, column, literal)
    if literal is None:
        return Outcomes(column.null, column.value) if by in (ast.Eq, ast.Is) else _EITHER
    if not column.value:
        return Outcomes(true=False, false=True)
    ends = _alike(column.low, column.high, literal)
    if ends is None or by not in _ENDS:
        return _EITHER
    can, must = _ENDS[by](*ends)
    return Outcomes(can, column.null or not must)


def _alike(*values: Any) -> tuple[Any, ...] | None:  # noqa: ANN401
    """All as texts, or all as the floats that numbers are compared as; None where they are neither."""
    if all(isinstance(value, str) for value in values):
        return values
    if all(isinstance(value, bool | int | float) for value in values):
        try:
            return tuple(map(float, values))
        except OverflowError:
            return None
    return None


_ENDS: dict[type[ast.cmpop], Callable[[Any, Any, Any], tuple[bool, bool]]] = {
    ast.Eq: lambda low, high, it: (low <= it <= high, low == it == high),
    ast.Is: lambda low, high, it: (low <= it <= high, low == it == high),
    ast.Lt: lambda low, high, it: (low < it, high < it),
    ast.LtE: lambda low, high, it: (low <= it, high <= it),
    ast.Gt: lambda low, high, it: (high > it, low > it),
    ast.GtE: lambda low, high, it: (high >= it, low >= it),
}
"""From a column's ends and a literal: whether a value can stand so to it, and whether all do."""
_TURNED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.Gt,
    ast.LtE: ast.GtE,
    ast.Gt: ast.Lt,
    ast.GtE: ast.LtE,
}
