"""A stage that hangs or dies costs itself alone."""

import argparse
import json

import psutil
import pytest

from tests.gpu.__main__ import run
from tests.gpu.plan import Stage
from tests.gpu.report import Report

OPTIONS = argparse.Namespace(device="cpu", short=True)


@pytest.fixture
def report(tmp_path, monkeypatch):
    monkeypatch.setenv("BENCH_GPU_STAGE", "tests.gpu.misbehaving")
    return Report(tmp_path / "out")


def outcome(name, seconds, report):
    return run(Stage(name, "", 1, 1, 1), seconds, report, report.folder, OPTIONS)


def test_one_that_hangs_is_ended_with_all_that_it_started(report):
    assert outcome("hangs", 4, report) == "ended at its deadline of 4 s"
    (told,) = (json.loads(line) for line in (report.folder / "figures.jsonl").read_text().splitlines())
    assert not psutil.pid_exists(told["pid"]) or psutil.Process(told["pid"]).status() == "zombie"


def test_what_it_wrote_stays_and_the_next_one_runs(report):
    assert outcome("dies", 60, report) == "FAILED with status -6, see log.txt"
    assert outcome("works", 60, report) == "done"
    text = (report.folder / "report.md").read_text()
    assert text.split("\n") == ["dies began", "works began", "works ended", ""]
