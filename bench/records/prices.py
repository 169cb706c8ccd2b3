"""What an hour of each machine costs, as somebody says it: options `NAME=PRICE`, and a TOML file."""

import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.errors import BenchError, reason
from bench.records.explain import as_key, as_toml, unknown_key
from bench.records.toml_text import toml_text

_REMEDY = "give the path of a TOML file with a table [price]"
CURRENCY = "EUR"
"""Where a file names no other one."""
_KEYS = ("currency", "price")
_LONGEST_CURRENCY = 8
_LIKE = "write it like 'Intel Xeon, 2 cores=0.12', for so much an hour"
_FILE_LIKE = 'write it like "Intel Xeon, 2 cores" = 0.12 below [price]'


@dataclass(frozen=True)
class Prices:
    """The price of a node for an hour, by a name: of a machine, its `machine_id` or digits of it, or a node.

    `asked` are the names that came as options: each has to be there, while a file may tell of machines that
    are elsewhere. An option goes before the file.
    """

    per_hour: Mapping[str, float]
    currency: str = CURRENCY
    asked: frozenset[str] = frozenset()
    file: str | None = None


def prices_of(given: Sequence[str], file: Path | None = None) -> Prices:
    """The prices that options `NAME=PRICE` and a file give.

    Raises BenchError, one line with a remedy, for a price that is none, a name without one or with two, and
    a file that cannot be read or says something else.
    """
    from_file = Prices({}) if file is None else read_prices(file)
    options: dict[str, float] = {}
    for text in given:
        name, price = _option(text)
        if name in options:
            raise BenchError(f"--price {name}: given twice; leave one of the two out")
        options[name] = price
    return Prices({**from_file.per_hour, **options}, from_file.currency, frozenset(options), from_file.file)


def read_prices(path: Path) -> Prices:
    """The prices in a TOML file: `currency = "EUR"`, and below `[price]` a number for each name.

    Raises BenchError as `prices_of` does.
    """
    try:
        document = tomllib.loads(toml_text(path, BenchError, _REMEDY))
    except (ValueError, RecursionError) as error:  # ValueError: also an integer of thousands of digits
        raise BenchError(f"{path}: not valid TOML: {reason(error)}; mend the file there") from error
    for key in document:
        if key not in _KEYS:
            raise BenchError(f"{path}: {unknown_key(key, _KEYS)}")
    table = document.get("price")
    if not isinstance(table, dict) or not table:
        raise BenchError(f"{path}: price: a table of prices is needed; {_FILE_LIKE}")
    found = {name: _price(value, f"{path}: {as_key(name)}", _FILE_LIKE) for name, value in table.items()}
    return Prices(found, _currency(document.get("currency", CURRENCY), path), file=str(path))


def _option(text: str) -> tuple[str, float]:
    name, equals, price = text.rpartition("=")
    name = name.strip()
    if not equals or not name:
        raise BenchError(f"--price {text}: not NAME=PRICE; {_LIKE}")
    try:
        value: object = float(price)
    except ValueError:
        value = price.strip()
    return name, _price(value, f"--price {name}", _LIKE)


def _price(value: object, where: str, remedy: str) -> float:
    """A number from 0 on: what one's own machine costs may be nothing."""
    if isinstance(value, dict):
        raise BenchError(f"{where}: a name with a dot in it has to stand in quotes; {remedy}")
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BenchError(f"{where}: a price must be a number, not {as_toml(value)}; {remedy}")
    try:
        price = float(value)
    except OverflowError:
        price = math.inf
    if not math.isfinite(price) or price < 0:
        raise BenchError(f"{where}: a price must be a finite number from 0 on, not {value}; {remedy}")
    return price


def _currency(value: object, path: Path) -> str:
    if isinstance(value, str) and value.isprintable() and 0 < len(value.strip()) <= _LONGEST_CURRENCY:
        return value.strip()
    raise BenchError(
        f"{path}: currency: must be a name of up to {_LONGEST_CURRENCY} letters, such as "
        f'"{CURRENCY}", not {as_toml(value)}'
    )
