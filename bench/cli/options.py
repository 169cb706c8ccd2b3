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
    typer.Option(
        "--where",
        metavar="EXPR",
        help="Only runs for which it holds, e.g. 'batch_size > 10'; names are as recorded.",
    ),
]
FormatOption = Annotated[Format, typer.Option("--format", help="How to print: table, csv, md or json.")]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Fix a setting in every sweep, in place of its value or axis."
    ),
]
RoundsOption = Annotated[int | None, typer.Option("--rounds", min=1, help="Rounds, in place of the suite's.")]
SessionsOption = Annotated[
    int | None,
    typer.Option("--sessions", min=1, help="So many sessions in a row, each in processes of its own."),
]
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


_NO_SETTINGS = {
    "name": "the name of a sweep is no setting; leave it out",
    "title": "the title of a suite is no setting; leave it out",
    "sweep": "sweeps are the suite's; choose some of them by --only",
    "matrix": "axes are the suite's; fix one at a value, such as --set batch_size=100",
    "exclude": "what is left out is the suite's; choose what is left by --only",
    "measure": "how it is measured is no setting; see --rounds and --timeout of bench run --help",
    "rounds": "no setting of scenarios; write --rounds N",
    "timeout_seconds": "no setting of scenarios; write --timeout S",
    **dict.fromkeys(("max_rounds", "retries", "exclusive"), "no setting of scenarios; write it in [measure]"),
}
"""What else a suite has, and what to do instead."""


def parse_overrides(given: list[str] | None) -> dict[str, Any]:
    """`KEY=VALUE` pairs, the value in TOML's notation, or plain text where it is none.

    Raises BenchError for a pair without `=` or without a key, and for a key that is no setting.
    """
    overrides: dict[str, Any] = {}
    for pair in given or []:
        if pair != pair.encode(errors="replace").decode():
            raise BenchError(f"--set {pair}: not UTF-8 text; write it in plain letters")
        key, equals, text = pair.partition("=")
        if not equals or not key.strip():
            raise BenchError(f"--set {pair}: not KEY=VALUE; write it like --set epochs=1")
        _check_setting(key.strip())
        overrides[key.strip()] = _value(text.strip())
    return overrides


def _check_setting(key: str) -> None:
    from bench.records.explain import unknown_key
    from bench.records.scenario import Scenario

    if why := _NO_SETTINGS.get(key.partition(".")[0]):
        raise BenchError(f"--set {key}: {why}")
    if key not in Scenario.model_fields:
        raise BenchError(f"--set {unknown_key(key, Scenario.model_fields)}")


def _value(text: str) -> Any:  # noqa: ANN401 -- whatever TOML has
    try:
        document = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):  # ValueError: also an integer of thousands of digits
        return text
    return document["value"] if len(document) == 1 else text
