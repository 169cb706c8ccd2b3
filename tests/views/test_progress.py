import pytest

from bench.views.progress import Progress, Running, finished_line, progress_view

OK = {"status": "ok", "step_seconds": 0.00239, "val_accuracy": 0.972, "flags": [], "error": None}
FAILED = {**OK, "status": "oom_device", "error": "ResourceExhaustedError: 256.00MiB\nand more"}


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def progress(clock):
    """A session of the scenarios a and b in three rounds, just begun."""
    begun = Progress("A title", clock=clock)
    begun.begin(["a", "b"], 3)
    return begun


def start(progress, scenario, name=None, where="box (2 cores)"):
    running = Running(name or scenario, scenario, where, 5, progress.clock())
    progress.running[scenario] = running
    return running


def end(progress, scenario, row=OK):
    line = finished_line(scenario, progress.round, row)
    progress.end(scenario, scenario, row["status"] == "ok", line)


def test_nothing_is_known_before_the_first_run_has_ended(progress, clock):
    start(progress, "a")
    clock.now += 50
    assert progress.seconds_left() is None


def test_runs_to_come_take_what_their_scenario_took_and_others_the_mean(progress, clock):
    start(progress, "a")
    clock.now += 10
    end(progress, "a")
    # Left are two runs of a and three of b, each 10 s as far as is known.
    assert progress.seconds_left() == pytest.approx(50)
    start(progress, "b")
    clock.now += 30
    end(progress, "b")
    # Two of a at 10 s, two of b at 30 s.
    assert progress.seconds_left() == pytest.approx(80)


def test_what_a_run_under_way_has_done_is_taken_off_up_to_what_it_takes(progress, clock):
    start(progress, "a")
    clock.now += 10
    end(progress, "a")
    start(progress, "a")
    clock.now += 4
    assert progress.seconds_left() == pytest.approx(46)
    clock.now += 6
    assert progress.seconds_left() == pytest.approx(40)
    clock.now += 20
    # 40 s of work are ahead, and 20 s of it took 40 s.
    assert progress.seconds_left() == pytest.approx(80)


def test_starting_processes_slows_a_session_down(progress, clock):
    clock.now += 10
    start(progress, "a")
    clock.now += 10
    end(progress, "a")
    assert progress.seconds_left() == pytest.approx(100)


def test_runs_side_by_side_take_half_the_time(progress, clock):
    start(progress, "a")
    start(progress, "b")
    clock.now += 10
    end(progress, "a")
    end(progress, "b")
    assert progress.seconds_left() == pytest.approx(20)


def test_nothing_is_left_at_the_end(progress, clock):
    for _ in range(3):
        for scenario in "ab":
            start(progress, scenario)
            clock.now += 10
            end(progress, scenario)
    assert progress.seconds_left() == 0
    assert (progress.done, progress.not_ok) == (6, 0)


def test_a_run_that_never_started_counts_as_done(progress):
    end(progress, "a", {**FAILED, "status": "infeasible"})
    assert (progress.done, progress.not_ok, progress.seconds_left()) == (1, 1, None)


def test_only_the_last_runs_are_kept(progress):
    for number in range(9):
        progress.end("a", "a", True, finished_line(f"run {number}", 1, OK))
    assert [line.plain.split("  ")[0] for line in progress.recent] == [f"✓ run {n}" for n in range(4, 9)]


def test_a_finished_run_has_its_time_accuracy_and_flags_on_one_line():
    line = finished_line("batch-size · batch_size=1", 2, {**OK, "flags": ["unstable", "contended"]})
    assert line.plain == (
        "✓ batch-size · batch_size=1  round 2  2.39 ms/step  val 97.20 %  unstable contended"
    )


def test_a_failed_run_has_its_status_and_the_first_line_of_its_error():
    line = finished_line("wide", 3, {**FAILED, "flags": ["retried"]})
    assert line.plain == "✗ wide  round 3  oom_device: ResourceExhaustedError: 256.00MiB  retried"
    assert finished_line("wide", 1, {**FAILED, "error": None}).plain == "✗ wide  round 1  oom_device"


def test_figures_that_a_run_lacks_are_dashes():
    missing = {**OK, "step_seconds": None, "val_accuracy": None, "flags": None}
    assert finished_line("a", 1, missing).plain == "✓ a  round 1  –/step  val –"


def test_before_the_first_run_processes_start(rendered, progress, clock):
    clock.now += 4
    assert rendered(progress_view(Progress("A title", clock=clock)), 80) == [
        *("A title", "  starting processes …", "0:00 gone")
    ]
    lines = rendered(progress_view(progress), 80)
    assert lines[1].strip() == "starting processes …"
    assert "0/6 runs  round 1/3  0:04 gone  – left" in lines[2]


def test_what_went_by_before_the_plan_is_gone_but_sets_no_pace(rendered, clock):
    progress = Progress("A title", clock=clock)
    clock.now += 60
    progress.begin(["a"], 2)
    start(progress, "a")
    clock.now += 10
    end(progress, "a")
    assert "1/2 runs  round 1/2  1:10 gone  about 0:10 left" in rendered(progress_view(progress), 80)[-1]


def test_after_the_last_run_it_ends(rendered, clock):
    progress = Progress("A title", clock=clock)
    progress.begin(["a"], 1)
    end(progress, "a")
    assert rendered(progress_view(progress), 80)[2].strip() == "ending …"


class TestUpToAPrecision:
    """Scenarios a and b, six rounds of each at least and twenty at most."""

    @pytest.fixture
    def progress(self, clock):
        begun = Progress("A title", clock=clock)
        begun.begin(["a", "b"], 6, 20)
        return begun

    def run_round(self, progress, clock, number, left):
        progress.next_round(number, left, "a note")
        for scenario in left:
            start(progress, scenario)
            clock.now += 10
            end(progress, scenario)

    def test_the_least_is_ahead_at_first(self, rendered, progress):
        assert "0/~12 runs  round 1/≤20  0:00 gone  – left" in rendered(progress_view(progress), 80)[-1]

    def test_each_round_tells_anew_what_is_left(self, progress, clock):
        """Twelve runs of ten seconds: then b is settled, and a is expected to take four runs more."""
        for number in range(1, 7):
            self.run_round(progress, clock, number, {"a": 7 - number, "b": 7 - number})
        assert (progress.done, progress.total) == (12, 12)
        progress.next_round(7, {"a": 4})
        assert (progress.total, progress.seconds_left()) == (16, pytest.approx(40))
        start(progress, "a")
        clock.now += 10
        end(progress, "a")
        assert (progress.total, progress.seconds_left()) == (16, pytest.approx(30))
        progress.next_round(8, {"a": 1})
        assert (progress.total, progress.seconds_left()) == (14, pytest.approx(10))

    def test_no_run_is_more_than_all(self, progress, clock):
        """Not even where a round has more runs than it told."""
        for number in range(1, 21):
            self.run_round(progress, clock, number, {"a": 1})
            end(progress, "a")
            assert progress.done <= progress.total
        assert progress.done == 40

    def test_a_scenario_that_leaves_early_is_no_longer_ahead(self, progress, clock):
        self.run_round(progress, clock, 1, {"a": 6, "b": 6})
        progress.next_round(2, {"a": 5})
        assert progress.total == 2 + 5

    @pytest.mark.parametrize("width", [80, 140])
    def test_a_note_stands_above_the_bar_and_all_fits(self, rendered, progress, clock, width):
        self.run_round(progress, clock, 1, {"a": 6, "b": 6})
        progress.next_round(12, {"a": 1000, "b": 9}, "1 of 2 scenarios left to bring within ±1 %")
        progress.not_ok = 11
        lines = rendered(progress_view(progress), width)
        assert max(map(len, lines)) <= width
        assert lines[-2].rstrip() == "1 of 2 scenarios left to bring within ±1 %"
        assert "2/~1,011 runs  round 12/≤20  0:20 gone  about 2:48:10 left  11 not ok" in lines[-1]

    def test_a_fixed_number_of_rounds_is_told_as_one(self, rendered, clock):
        progress = Progress("A title", clock=clock)
        progress.begin(["a"], 6, 6)
        assert "0/6 runs  round 1/6" in rendered(progress_view(progress), 80)[-1]


@pytest.mark.parametrize("width", [80, 140])
def test_the_display_has_a_line_per_run_and_fits(rendered, progress, clock, width):
    start(progress, "a")
    clock.now += 12
    end(progress, "a", {**FAILED, "error": "an error that goes on and on " * 9})
    start(progress, "b")
    clock.now += 70
    end(progress, "b", {**OK, "flags": ["unstable"]})
    first = start(progress, "a", "batch-size · batch_size=10000 loop=fused", "a-rather-long-name (2 cores)")
    first.epoch, first.accuracy = 2, 0.9712
    start(progress, "b", "wide").epoch = 5
    clock.now += 130
    lines = rendered(progress_view(progress), width)
    assert max(map(len, lines)) <= width
    assert lines[1].startswith("✗ a  round 1  oom_device: an error that goes on")
    assert lines[2] == "✓ b  round 1  2.39 ms/step  val 97.20 %  unstable"
    assert "batch_size=10000 loop=fused  epoch 3/5  val 97.12 %  2:10" in lines[3]
    assert "testing" in lines[4]
    assert "2/6 runs  round 1/3  3:32 gone  about " in lines[5]
    assert lines[5].rstrip().endswith("1 not ok")
    assert ("a-rather-long-name (2 cores)" in lines[3]) is (width == 140)
