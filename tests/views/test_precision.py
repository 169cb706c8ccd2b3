from dataclasses import replace

import pytest

from bench.views.precision import precision_lines


@pytest.fixture
def known(summary):
    """Call with what differs; gives a summary that reached the ±1 % that was asked for after six rounds."""

    def make(label="a", precision=0.008, **changes):
        asked = {"wanted_precision": 0.01, "precision_reached": True, "max_rounds": 20}
        usual = {"label": label, "runs": 6, "rounds": 6, "ok": 6, "step_precision": precision}
        return replace(summary, **{**asked, **usual, **changes})

    return make


@pytest.fixture
def wide(known):
    """The same of one that did not in twenty."""
    return lambda label="b", **changes: known(
        label,
        **{"precision": 0.0231, "precision_reached": False, "runs": 20, "rounds": 20, "ok": 20, **changes},
    )


def lines(*summaries, numbers=None):
    return list(precision_lines(summaries, numbers or {}))


def test_where_none_was_asked_for_nothing_is_said(summary):
    assert lines(replace(summary, step_precision=0.02)) == []


def test_all_within_it_are_counted_with_their_rounds(known):
    assert lines(known("a"), known("b", rounds=14), known("c", rounds=9)) == [
        "Within ±1 % of this session's median: 3 of 3 scenarios, after 6 to 14 rounds."
    ]
    assert lines(known("a"), known("b")) == [
        "Within ±1 % of this session's median: 2 of 2 scenarios, after 6 rounds."
    ]


def test_those_that_are_not_are_named_with_what_they_reached(known, wide):
    assert lines(known(), wide("b"), wide("wide", sweep="wide", precision=0.0107)) == [
        "Within ±1 % of this session's median: 1 of 3 scenarios, after 6 rounds. "
        "At 20 rounds still wider: batch-size · b (±2.31 %), wide (±1.07 %)."
    ]


def test_those_that_ended_before_the_last_round_are_told_apart(wide):
    """Interrupted, or no run ended ok."""
    cut_short = wide("b", runs=8, rounds=8, ok=7)
    failed = wide("c", runs=3, rounds=3, ok=0, precision=None)
    assert lines(cut_short, failed) == [
        "Within ±1 % of this session's median: 0 of 2 scenarios. Ended earlier: "
        "batch-size · b (±2.31 % after 8 rounds), batch-size · c (no interval: 0 of 3 runs ok)."
    ]


def test_too_few_ok_runs_in_all_rounds_are_no_interval(wide):
    (line,) = lines(wide("b", ok=4, precision=None))
    assert line.endswith("At 20 rounds still wider: batch-size · b (no interval: 4 of 20 runs ok).")


def test_each_machine_and_each_precision_has_a_line_of_its_own(known, wide):
    numbers = {known().origin: "1", known(machine="GPU box").origin: "2"}
    fine = known("c", wanted_precision=0.005, precision_reached=False)
    assert lines(wide(machine="GPU box"), known(), fine, numbers=numbers) == [
        "On 1 within ±0.5 % of this session's median: 0 of 1 scenario. "
        "Ended earlier: batch-size · c (±0.80 % after 6 rounds).",
        "On 1 within ±1 % of this session's median: 1 of 1 scenario, after 6 rounds.",
        "On 2 within ±1 % of this session's median: 0 of 1 scenario. "
        "At 20 rounds still wider: batch-size · b (±2.31 %).",
    ]
