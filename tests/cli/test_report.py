"""`bench report`: the page as text, and as a browser draws it."""

import datetime
import os
import re
import shutil
import subprocess
from html.parser import HTMLParser

import pytest

from bench.records.measurement import Epoch, Measurement
from bench.records.recorder import Recorder
from bench.records.suite import parse_suite
from bench.records.tables import Identity, epoch_row, run_row

STARTED = datetime.datetime(2026, 1, 31, 14, 0, tzinfo=datetime.UTC)
HOSTILE = "</script><script>document.title='taken'</script><b>\x1b[2J\u202e"
"""Text that whoever wrote a table may have put there."""
MACHINE = {"machine": f"AMD EPYC{HOSTILE}", "machine_id": "aaaaaaaaaaaa", "node": f"box{HOSTILE}"}
SWEEPS = (
    {
        "name": "batch-size",
        "hidden": [50],
        "matrix": {"batch_size": [10, 100, 1000], "loop": ["fit", "fused"]},
    },
    {
        "name": "surface",
        "hidden": [50],
        "target_accuracy": 0.9,
        "matrix": {"batch_size": [100, 1000], "learning_rate": [1e-3, 1e-2]},
    },
    {"name": "one", "hidden": [512], "batch_size": 512, "cpus": 1},
    {"name": "two", "hidden": [512], "batch_size": 512, "cpus": 2, "strategy": "mirrored", "devices": 2},
    {"name": "too-big", "hidden": [60_000], "matrix": {"batch_size": [100]}},
)
BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--host-resolver-rules=MAP * ~NOTFOUND"),
    *("--enable-logging=stderr", "--virtual-time-budget=20000", "--window-size=1200,900"),
)


def measured(point, number):
    scenario = point.scenario
    if point.sweep == "too-big":
        return Measurement(status="oom_host", error=HOSTILE)
    step = 1e-5 * scenario.batch_size / scenario.devices * (1 + 0.01 * number)
    return Measurement(
        status="ok",
        affinity=tuple(range(scenario.cpus or 2)),
        flags=("unstable",) if number == 2 else (),
        wall_seconds=2.0,
        step_seconds=step,
        samples_per_second=scenario.batch_size / step,
        best_val_accuracy=0.95,
        val_accuracy=0.94,
        target_seconds=3.0 if scenario.target_accuracy else None,
    )


def epochs():
    return [
        Epoch(n, 10, 1.0, 0.1, 1.1 * n, 1e-3, 0.5, 0.8, 0.4, 0.9 + n / 100, (1.0,), (10,)) for n in (1, 2, 3)
    ]


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    """A session with something for every part of the page: three rounds on one machine."""
    points = parse_suite({"sweep": list(SWEEPS)}, "all.toml", "all", "", {}, {}).points
    folder = tmp_path_factory.mktemp("results") / "s1"
    with Recorder.begin(folder, "s1", {}) as recorder:
        recorder.add_machines([{"session_id": "s1", **MACHINE, "software_id": "cccccccccccc"}])
        for number, point in ((n, p) for n in (1, 2, 3) for p in points):
            label = f"two{HOSTILE}" if point.sweep == "two" else point.label
            names = {"suite": "all", "sweep": point.sweep, "label": label}
            identity = Identity(
                run_id=f"s1-{point.scenario.scenario_id}-{number}",
                session_id="s1",
                scenario_id=point.scenario.scenario_id,
                round=number,
                order=1,
                attempt=1,
                started_at=STARTED + datetime.timedelta(minutes=number),
                **names,
                **MACHINE,
            )
            found = measured(point, number)
            rows = [epoch_row(identity.run_id, epoch) for epoch in epochs()] if found.status == "ok" else []
            recorder.add_run(run_row(identity, point.scenario, number, found), rows)
    return folder


@pytest.fixture(scope="module")
def page(session, run_bench, tmp_path_factory):
    """The file that the command writes."""
    path = tmp_path_factory.mktemp("page") / "report.html"
    ended = run_bench("report", session, "-o", path)
    assert (ended.returncode, ended.stderr, ended.stdout) == (0, "", f"Report: {path}\n")
    return path


class Outline(HTMLParser):
    """What the tests look at: headings, tables, plots, and whatever leads out of the page."""

    def __init__(self, text):
        super().__init__()
        self.headings, self.rows, self.plots, self.links, self.scripts = [], [], [], [], 0
        self._into = None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.links += [given[name] for name in ("src", "href") if name in given]
        self.scripts += tag == "script"
        if "plotly-graph-div" in given.get("class", ""):
            self.plots.append(given["id"])
        if tag == "tr":
            self.rows.append([])
        if tag in ("h1", "h2", "h3", "td", "th"):
            self._into = self.rows[-1] if tag in ("td", "th") else self.headings
            self._into.append("")

    def handle_endtag(self, tag):
        if tag in ("h1", "h2", "h3", "td", "th"):
            self._into = None

    def handle_data(self, data):
        if self._into is not None:
            self._into[-1] += data


@pytest.fixture(scope="module")
def outline(page):
    return Outline(page.read_text())


def test_the_page_has_a_part_for_all_that_was_found(outline):
    assert outline.headings == [
        "all",
        "all",
        *("Single scenarios", "batch-size", "surface", "surface: batch and learning rate", "Strong scaling"),
        *("Steadiness", "Runs that did not end ok", "Machines", "Sessions", "How to read it"),
    ]


def test_a_row_for_each_scenario_has_the_terminal_s_figures(outline):
    rows = {row[0]: row for row in reversed(outline.rows)}
    assert rows["batch_size=100 loop=fused"][1:3] == ["3/3", "1.02 ms"]
    assert rows["batch_size=100 loop=fused"][-1] == "unstable"
    assert rows["too-big · batch_size=100"][1] == "0/3"
    assert rows["mirrored"][1:5] == ["1 × 2", "1", "2", "2.00×"]
    assert rows["s1"][-1] == "2026-01-31 14:01"


def test_plots_are_of_the_axis_the_curves_the_surface_the_scaling_and_the_runs_in_time(outline):
    single, sweep, surface = ["dots", "curves"], ["trend", "curves"], ["dots", "curves", "heat map"]
    assert len(outline.plots) == len([*single, *sweep, *surface, "scaling", "steadiness"])
    assert len(set(outline.plots)) == len(outline.plots)


def test_nothing_leads_out_of_the_page(outline):
    assert all(link.startswith(("#", "data:")) for link in outline.links)


def test_no_plot_has_a_button_that_uploads_it(outline, page):
    told = re.findall(r'"showSendToCloud": ?(\w+)', page.read_text())
    assert told == ["false"] * len(outline.plots)


def test_what_a_table_says_is_text_and_never_markup(outline, page):
    shown = HOSTILE.replace("\x1b", r"\x1b").replace("\u202e", r"\u202e")
    assert [row[-1] for row in outline.rows if row[3:4] == ["oom_host"]] == [shown] * 3
    assert f"two · two{shown}" in [row[0] for row in outline.rows]
    text = page.read_text()
    assert "<script>document" not in text
    assert not {"\x1b", "\u202e"} & set(text)


def test_the_same_runs_give_the_same_page(session, run_bench, page, tmp_path):
    run_bench("report", session, "-o", tmp_path / "again.html")
    assert (tmp_path / "again.html").read_bytes() == page.read_bytes()


def test_published_times_alone_make_a_page(published, run_bench, tmp_path):
    ended = run_bench("report", published, cwd=tmp_path)
    assert (ended.returncode, ended.stdout) == (0, "Report: report.html\n")
    headings = Outline((tmp_path / "report.html").read_text()).headings
    assert "Single scenarios" in headings
    assert "Machines against each other" not in headings


def test_a_thousand_runs_on_two_machines_make_a_page(thousand, run_bench, tmp_path):
    assert run_bench("report", thousand, cwd=tmp_path).returncode == 0
    found = Outline((tmp_path / "report.html").read_text())
    assert "Runs that did not end ok" in found.headings
    gpu_box = "Intel Xeon Platinum 8481C, 26 cores, 8 × NVIDIA H100 80GB HBM3"
    assert f"{gpu_box} against AMD EPYC 7763, 64 cores" in found.headings
    assert (tmp_path / "report.html").stat().st_size < 8e6


def test_only_runs_that_are_asked_for_are_on_it(session, run_bench, tmp_path):
    run_bench("report", session, "--where", 'sweep == "one"', cwd=tmp_path)
    found = Outline((tmp_path / "report.html").read_text())
    assert found.headings[1:3] == ["all", "one"]
    assert "too-big" not in (tmp_path / "report.html").read_text()


def test_a_page_that_is_there_is_replaced_whole(session, run_bench, tmp_path):
    (tmp_path / "report.html").write_text("an older page")
    assert run_bench("report", session, cwd=tmp_path).returncode == 0
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
    assert (tmp_path / "report.html").read_text().rstrip().endswith("</html>")


@pytest.fixture(scope="module")
def drawn(page, tmp_path_factory):
    """Call with more flags; gives the page as the browser has it once its script has run."""
    if BROWSER is None:
        if os.environ.get("CI"):
            pytest.fail("no browser: install chromium")
        pytest.skip("no browser: install chromium")

    def draw(*flags):
        profile = f"--user-data-dir={tmp_path_factory.mktemp('profile')}"
        line = [BROWSER, *FLAGS, profile, *flags, "--dump-dom", page.as_uri()]
        ended = subprocess.run(line, capture_output=True, text=True, timeout=120, check=True)
        assert "CONSOLE" not in ended.stderr
        return ended.stdout

    return draw


@pytest.mark.slow
def test_a_browser_draws_every_plot_without_a_network_and_without_an_error(drawn, outline):
    html = drawn()
    assert "<title>bench: all</title>" in html
    assert len(re.findall(r'class="main-svg"[^>]*style="background', html)) == len(outline.plots)
    for words in ("one training step", "batch size", "loop=fused", "against epochs", "speed-up", "★ 3.00"):
        assert f">{words}</text>" in html
    buttons = set(re.findall(r'data-title="([^"]*)"', html))
    assert {"Download plot as a PNG", "Zoom", "Reset axes"} <= buttons
    assert not any(re.search("share|cloud|send|edit", button, re.IGNORECASE) for button in buttons)


@pytest.mark.slow
@pytest.mark.parametrize(("flags", "ink"), [((), "29, 33, 39"), (("--force-dark-mode",), "228, 231, 235")])
def test_plots_have_the_colours_of_the_reader_s_theme(drawn, flags, ink):
    titles = re.findall(r'<text class="[xy]\d*title"[^>]*style="([^"]*)"', drawn(*flags))
    assert titles
    assert all(f"fill: rgb({ink})" in style for style in titles)
