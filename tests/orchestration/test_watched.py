"""Sessions as those who tell of them follow them: what they expect is what comes."""

import io

import pytest
from rich.console import Console

from bench.analysis.repetition import until
from bench.cli.watchers import Display, Lines
from bench.records.measurement import Measurement

ONE_CORE = {"cpus": 1}
STEADY, OUTLIER, SCATTERED, FAILING = [1.0] * 20, [2.0, *[1.0] * 19], [1.0, 2.0] * 10, [None] * 20
PRECISE = {"rounds": 3, "precision": 0.01, "max_rounds": 12, "settled": until(0.01)}


@pytest.fixture
def watched(bench, outcome):
    """Call with a kind of watcher, step times by label, and more for `bench`; gives both, and what was said.

    The display is drawn each time a run has ended.
    """

    def make(kind, times, nodes=None, **options):
        tried = bench(dict.fromkeys(times, ONE_CORE), nodes, **options)
        for number, (label, steps) in enumerate(times.items(), start=1):
            for step in steps:
                ended = Measurement(status="ok" if step else "failed", step_seconds=step)
                tried.pool.runs[label].append(outcome(seconds=float(number), measurement=ended))
        console = Console(file=io.StringIO(), width=100, height=12)
        watcher = kind(console, tried.session._suite)
        for name in ("planned", "round_began", "kept", "started", "phase", "epoch"):
            setattr(tried.log, name, getattr(watcher, name))

        def finished(run, row):
            watcher.finished(run, row)
            assert watcher._outlook.done <= watcher._outlook.total
            if kind is Display:
                console.print(watcher._live.get_renderable())

        tried.log.finished = finished
        return tried, watcher, console

    return make


@pytest.mark.parametrize("kind", [Display, Lines])
@pytest.mark.parametrize(
    "options", [{"rounds": 4}, PRECISE, {**PRECISE, "every_node": True}], ids=["counted", "precise", "each"]
)
def test_at_the_end_as_many_runs_have_ended_as_were_expected(watched, node, kind, options):
    """Of scenarios that are settled after seven rounds, after ten, and never; and one that always fails."""
    times = {"a": STEADY, "b": OUTLIER, "c": SCATTERED, "d": FAILING}
    nodes = [node("n1"), node("n2", cores=1)]
    tried, watcher, console = watched(kind, times, nodes, **options)
    rows = tried.run()
    outlook = watcher._outlook
    assert (outlook.done, outlook.total, outlook.going_on) == (len(rows), len(rows), 0)
    last = console.file.getvalue().splitlines()[-1]
    about = "~" if "precision" in options else ""
    assert f"{len(rows)}/{about}{len(rows)}" in last


def test_of_a_resumed_session_what_was_kept_is_expected_no_more(watched, bench):
    cut = bench({"a": ONE_CORE, "b": ONE_CORE}, rounds=3)
    cut.pool.interrupt_at = cut.clock.now + 2.5
    with pytest.raises(KeyboardInterrupt):
        cut.run()
    tried, watcher, _ = watched(Lines, {"a": STEADY, "b": STEADY}, rounds=3, resume=True)
    rows = tried.run()
    assert (watcher._outlook.done, watcher._outlook.total) == (len(rows), 6)
