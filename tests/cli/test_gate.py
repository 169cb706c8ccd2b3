"""The options of a gate, and how a command with one ends."""

from xml.etree import ElementTree as ET

import pytest

from bench.analysis.gate_cases import Case
from bench.analysis.gate_rule import Rule
from bench.cli.gate import Undecided, end, parse_rules
from bench.cli.options import Format
from bench.errors import BenchError
from tests.judgements import judgement

SLOWER = judgement(Case("s1", "fails", 0.5, 1.12, 1.08, 1.15, 0.001))
OPEN = judgement(Case("s1", "undecided", reason="why"))


def test_each_rule_counts_once():
    assert parse_rules(["slower > 5%", "failed", "slower>0.05"], None) == [
        Rule("slower", 0.05),
        Rule("failed"),
    ]
    assert parse_rules(None, None) == []


def test_a_file_needs_a_rule():
    with pytest.raises(BenchError, match=r"--junit: writes what --fail-if found; add --fail-if"):
        parse_rules([], "gate.xml")


@pytest.mark.parametrize(
    ("found", "undecided", "status"),
    [(SLOWER, "error", 1), (SLOWER, "ok", 1), (OPEN, "error", 3), (OPEN, "ok", 0)],
)
@pytest.mark.parametrize("output", Format)
def test_the_outcome_is_the_exit_status(found, undecided, status, output, capsys):
    assert end([found], Undecided(undecided), None, output) == status
    printed = capsys.readouterr()
    told = printed.out if output in (Format.table, Format.md) else printed.err
    assert "GATE slower > 5%: passes in 0" in told
    assert f"exit status {status}" in " ".join(told.split())
    assert not (printed.out and printed.err)


def test_the_file_is_written_whole_or_not_at_all(tmp_path, capsys):
    file = tmp_path / "gate.xml"
    end([SLOWER], Undecided.error, str(file), Format.table)
    assert ET.parse(file).find("testsuite").get("failures") == "1"
    capsys.readouterr()
    with pytest.raises(BenchError) as error:
        end([SLOWER], Undecided.error, str(tmp_path), Format.table)
    assert str(error.value) == f"--junit {tmp_path}: cannot be written: is a folder; give another file"
    assert [path.name for path in tmp_path.iterdir()] == ["gate.xml"]
    assert "GATE" in capsys.readouterr().out
