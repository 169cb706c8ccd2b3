"""Text from outside in whatever a command prints: shown, never obeyed; tables for programs keep it."""

import csv
import io
import itertools
import json
import sys

import pytest
from rich.text import Text

from bench.cli import app
from bench.cli.output import say, terminal, write
from bench.records.measurement import Measurement
from bench.records.recorder import Recorder
from bench.records.suite import parse_suite
from bench.records.tables import Identity, run_row

HOSTILE = "\x1b]0;taken\x07\x1b[2J\x9b31m\n| <b> |\r\u202e[red]"
SHOWN = r"\x1b]0;taken\x07\x1b[2J\x9b31m\n| <b> |\r\u202e[red]"
COMMANDS = {"show": ("show",), "compare": ("compare", "--by", "round")}
MARKDOWN = r"\x1b]0;taken\x07\x1b[2J\x9b31m\n\| \<b> \|\r\u202e[red]"


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    """Two scenarios, one of which failed, whose every text is hostile."""
    sweep = {"name": "a", "hidden": [8], "matrix": {"batch_size": [10, 100]}}
    points = parse_suite({"sweep": [sweep]}, "a.toml", "a", "", {}, {}).points
    folder = tmp_path_factory.mktemp("results") / "s"
    machine = {"machine": HOSTILE, "machine_id": "aaaaaaaaaaaa", "node": HOSTILE}
    with Recorder.begin(folder, "s", {}) as recorder:
        recorder.add_machines(
            [{"session_id": "s", **machine, "software_id": "bbbbbbbbbbbb", "kernel": HOSTILE}]
        )
        for place, (point, number) in enumerate(itertools.product(points, (1, 2))):
            measured = (
                Measurement(status="ok", flags=(HOSTILE,), step_seconds=1e-3, wall_seconds=1.0),
                Measurement(status="failed", error=f"why{HOSTILE}"),
            )[points.index(point)]
            identity = Identity(
                run_id=str(place),
                session_id="s",
                suite=HOSTILE,
                sweep=HOSTILE,
                scenario_id=point.scenario.scenario_id,
                label=f"{point.label}{HOSTILE}",
                round=number,
                order=1,
                attempt=1,
                started_at=None,
                **machine,
            )
            recorder.add_run(run_row(identity, point.scenario, 1, measured), [])
    return folder


@pytest.fixture
def printed(capsys):
    """Call with a command line; gives what it prints."""

    def run(*arguments):
        app([*map(str, arguments)], prog_name="bench", standalone_mode=False)
        return capsys.readouterr().out

    return run


@pytest.mark.parametrize(
    ("command", "style", "text"),
    [
        *(("show", style, text) for style, text in (("table", SHOWN), ("md", MARKDOWN))),
        *(("compare", style, text) for style, text in (("table", SHOWN), ("md", MARKDOWN))),
    ],
)
def test_for_people_it_is_visible(session, printed, monkeypatch, command, style, text):
    monkeypatch.setenv("COLUMNS", "300")
    said = printed(*COMMANDS[command], session, "--format", style)
    assert said.replace("\n", "").isprintable()
    assert f"batch_size=10{text}" in said
    assert "\n| <b>" not in said


def test_of_an_error_the_first_line_is_told(session, printed, monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")
    assert r": 2 failed of 2: why\x1b]0;taken\x07\x1b[2J\x9b31m" + "\n" in printed("show", session)


@pytest.mark.parametrize(("style", "text"), [("table", SHOWN), ("md", MARKDOWN)])
@pytest.mark.parametrize("price", ["aaaa=2", f"{SHOWN}=2"])
def test_for_people_it_is_visible_among_costs(session, printed, monkeypatch, style, text, price):
    monkeypatch.setenv("COLUMNS", "300")
    said = printed("show", session, "--price", price, "--format", style)
    said = said[said.index("Cost") :]
    assert said.replace("\n", "").isprintable()
    assert f"batch_size=10{text}" in said
    assert "[red]: 2.00 EUR an hour" in said


@pytest.mark.parametrize("command", ["show", "compare"])
def test_for_programs_it_is_the_very_text(session, printed, command):
    as_json = printed(*COMMANDS[command], session, "--format", "json")
    assert as_json.replace("\n", "").isprintable()
    found = json.loads(as_json)
    as_csv = io.StringIO(printed(*COMMANDS[command], session, "--format", "csv"), newline="")
    rows_found = found if command == "show" else found["comparisons"][0]["scenarios"]
    for rows in (rows_found, csv.DictReader(as_csv)):
        labels = {row.get("label", row.get("scenario")) for row in rows}
        assert labels == {f"batch_size={n}{HOSTILE}" for n in (10, 100)}


def test_a_terminal_gets_even_a_table_for_programs_visible(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr(sys, "stdout", Terminal())
    write("a,b\n\x1b[2J,é\n")
    assert sys.stdout.getvalue() == "a,b\n\\x1b[2J,é\n"


def test_whatever_is_printed_steers_no_terminal_but_for_colours(monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.delenv("NO_COLOR", raising=False)
    console = terminal()
    console.print(Text("\x1b[2J\x9b", "bold"))
    say(console, "one\nline\x1b")
    assert capsys.readouterr().out == "\x1b[1m\\x1b[2J\\x9b\x1b[0m\none\\nline\\x1b\n"


@pytest.mark.parametrize("columns", ["0", "-5", "²", "many", "", "1e9", "99999999999", "0x10"])
def test_a_width_that_is_none_is_as_good_as_unset(monkeypatch, columns):
    monkeypatch.delenv("COLUMNS", raising=False)
    usual = terminal().width
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setenv("LINES", columns)
    assert terminal().width == usual > 0
    monkeypatch.setenv("COLUMNS", "77")
    assert terminal().width == 77
