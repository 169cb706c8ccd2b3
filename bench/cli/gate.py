"""What `bench compare` has of a gate: the options, and how it ends."""

from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli.options import Format
from bench.cli.output import terminal, write
from bench.errors import BenchError

if TYPE_CHECKING:
    from bench.analysis.gate import Judgement
    from bench.analysis.gate_rule import Rule


class Undecided(StrEnum):
    """What it means where intervals do not tell whether a rule holds."""

    error = "error"
    ok = "ok"


FailIfOption = Annotated[
    list[str] | None,
    typer.Option(
        "--fail-if",
        metavar="RULE",
        help=(
            "Exit with 1 where the intervals show that it holds, 0 where they show that it does not, 3 where "
            "they cannot tell: 'slower > 5%', in any scenario; 'overall slower > 2%', in their mean; or "
            "faster, target, accuracy (as 'accuracy > 0.3pt'), energy, cost, failed. Repeatable."
        ),
    ),
]
UndecidedOption = Annotated[
    Undecided, typer.Option("--undecided", help="What cannot be told: error (3), or ok (0).")
]
JunitOption = Annotated[
    str | None,
    typer.Option(
        "--junit", metavar="FILE", help="Write what --fail-if found as JUnit XML, for GitLab or Jenkins."
    ),
]


def parse_rules(fail_if: Sequence[str] | None, junit: str | None) -> "list[Rule]":
    """Each rule once. BenchError where one is none, and where there is none to write of."""
    from bench.analysis.gate_rule import parse_rule

    if junit is not None and not fail_if:
        raise BenchError("--junit: writes what --fail-if found; add --fail-if 'slower > 5%', say")
    return list(dict.fromkeys(map(parse_rule, fail_if or ())))


def end(found: "Sequence[Judgement]", undecided: Undecided, junit: str | None, output: Format) -> int:
    """Says what was found below the comparison, writes the file, and gives the exit status.

    Below one for other programs nothing else may stand: then it goes to standard error.
    """
    from bench.analysis.gate import exit_status
    from bench.views import gate as view

    is_ok = undecided is Undecided.ok
    if output is Format.table:
        console = terminal()
        console.print()
        for text in view.gate_texts(found, is_ok):
            console.print(text)
    elif output is Format.md:
        write("\n" + view.gate_markdown(found, is_ok))
    else:
        for line in view.gate_lines(found, is_ok):
            typer.echo(f"bench: {line}", err=True)
    if junit is not None:
        _write(junit, found, is_ok)
    return exit_status(found, is_ok)


def _write(path: str, found: "Sequence[Judgement]", undecided_is_ok: bool) -> None:
    from datetime import UTC, datetime

    from bench.errors import reason
    from bench.files import replacing
    from bench.uri import local_path, scheme_of
    from bench.views.junit import junit

    if path.startswith("~") or scheme_of(path):
        path = str(local_path(path))
    try:
        with replacing(path) as file:
            file.write(junit(found, datetime.now(UTC), undecided_is_ok))
    except OSError as error:
        raise BenchError(
            f"--junit {path or repr(path)}: cannot be written: {reason(error)}; give another file"
        ) from error
