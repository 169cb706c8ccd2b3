"""A short run of the fuzzer, and what it takes for a finding."""

import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from bench.errors import BenchError
from tests.fuzz.batch import random_of
from tests.fuzz.judge import ERROR, FINDING, RESULT, checked_json, command, judged
from tests.fuzz.kinds.toml import Toml
from tests.fuzz.mutate import change, damaged
from tests.output import FlawError

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_damaged_inputs_give_results_and_errors_of_one_line(tmp_path):
    line = [sys.executable, "-m", "tests.fuzz", "--short", "--seed", "ci", "--keep", tmp_path / "kept"]
    ended = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, ""), ended.stdout
    assert not (tmp_path / "kept").exists()


def raising(error):
    def feed():
        raise error

    return feed


@pytest.mark.parametrize(
    ("error", "kind", "what"),
    [
        (BenchError("x.npz: not an npz file; get it anew"), ERROR, "x.npz: not an npz file; get it anew"),
        (BenchError("a colour \x1b[31m\n"), ERROR, "a colour \x1b[31m\n"),
        (BenchError(""), FINDING, "a message without a word"),
        (BenchError("n" * 5_000), FINDING, "a message that is too long"),
        (ValueError("x"), FINDING, "ValueError at no place in bench"),
        (SystemExit(1), FINDING, "SystemExit at no place in bench"),
        (FlawError("exit status 1: all of it"), FINDING, "exit status 1"),
    ],
    ids=repr,
)
def test_what_an_exception_comes_to(error, kind, what):
    outcome = judged(raising(error))
    assert (outcome.kind, outcome.what) == (kind, what)


def test_what_comes_back_is_a_result():
    assert judged(list).kind == RESULT


def test_a_command_is_judged_by_what_it_prints(tmp_path):
    assert judged(lambda: command("show", tmp_path)).kind == ERROR
    assert judged(lambda: command("--version")).kind == RESULT


@pytest.mark.parametrize("text", ["[NaN]", "[Infinity]", "{", ""])
def test_json_that_is_none(text):
    checked_json('[{"a": 1.5, "b": null}]')
    with pytest.raises(FlawError):
        checked_json(text)


MISBEHAVING = """
import os, pathlib, signal, sys, time
from tests.fuzz.batch import outcomes

class Kind:
    name = "misbehaving"
    def begin(self): pass
    def case(self, folder, random):
        number = int(folder.name)
        if number == 3:
            raise KeyError("of the fuzzer")
        return {0: list, 1: lambda: os.kill(os.getpid(), signal.SIGSEGV), 2: signal.pause, 4: list}[number]

for number, outcome in outcomes(Kind(), range(5), "1", pathlib.Path(sys.argv[1]), 2.0):
    print(number, outcome.kind, outcome.what)
"""


def test_crashes_and_hangs_are_findings_and_the_next_cases_run_all_the_same(tmp_path):
    line = [sys.executable, "-c", MISBEHAVING, tmp_path]
    ended = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.stdout.splitlines() == [
        "0 result ",
        "1 finding crashes",
        "2 finding hangs",
        "3 finding a fault of the fuzzer itself, KeyError",
        "4 result ",
    ]


def test_a_case_follows_from_its_seed_and_number(tmp_path):
    kind = Toml()
    kind.begin()

    def inputs(name, seed, number):
        folder = tmp_path / name
        folder.mkdir()
        kind.case(folder, random_of(seed, kind, number))
        return {path.name: path.read_bytes() for path in folder.iterdir()}

    assert inputs("first", "1", 7) == inputs("again", "1", 7)
    assert inputs("other", "1", 8) != inputs("seed", "2", 8)


def test_changes_are_changes_and_never_fail():
    random = Random(1)
    whole = bytes(range(256))
    assert sum(damaged(whole, random) != whole for _ in range(500)) > 480
    assert damaged(b"", random) == b""
    for _ in range(500):
        tree = {"a": [1, {"b": None}], "c": {"d": "e"}}
        for _ in range(5):
            change(tree, random)
