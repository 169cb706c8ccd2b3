"""Options that several commands share, and how their values are read."""

import tomllib
from enum import StrEnum
from typing import Annotated, Any

import typer

from bench.errors import BenchError


class Format(StrEnum):
    """How a table is printed."""

    table = "table"
    csv = "csv"
    md = "md"
    json = "json"


PathsArgument = Annotated[
    list[str] | None,
    typer.Argument(metavar="[PATH]...", help="Session folders, or folders that hold some, however deep."),
]
WhereOption = Annotated[
    str | None,
    typer.Option("--where", metavar="EXPR", help="Only runs for which it holds, e.g. 'batch_size > 10'."),
]
FormatOption = Annotated[Format, typer.Option("--format", help="How to print: table, csv, md or json.")]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Fix a setting in every sweep, in place of its value or axis."
    ),
]
RoundsOption = Annotated[int | None, typer.Option("--rounds", min=1, help="Rounds, in place of the suite's.")]
AddressOption = Annotated[
    str | None,
    typer.Option(
        "--address", help="A Ray cluster (its head's HOST:PORT, or auto), in place of this machine alone."
    ),
]
OnlyOption = Annotated[
    str | None,
    typer.Option("--only", metavar="GLOB", help="Only scenarios whose sweep, label or id matches."),
]


def parse_overrides(given: list[str] | None) -> dict[str, Any]:
    """`KEY=VALUE` pairs, the value in TOML's notation, or plain text where it is none.

    Raises BenchError for a pair without `=` or without a key.
    """
    overrides: dict[str, Any] = {}
    for pair in given or []:
        key, equals, text = pair.partition("=")
        if not equals or not key.strip():
            raise BenchError(f"--set {pair}: not KEY=VALUE; write it like --set epochs=1")
        overrides[key.strip()] = _value(text.strip())
    return overrides


def _value(text: str) -> Any:  # noqa: ANN401 -- whatever TOML has
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
