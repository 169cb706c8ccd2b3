from dataclasses import replace

import pytest

from bench.analysis.scaling import ScaledScenario, Scaling
from bench.records.scenario import of_group
from bench.views.scaling import scaling_markdown, scaling_tables
from bench.views.scaling_words import DETAILS
from tests.runs import origin

BASELINE = ScaledScenario(
    strategy="one_device",
    workers=1,
    devices=1,
    servers=1,
    placement="pack",
    cpus=None,
    nodes=(1,),
    hardware=2.0,
    factor=1.0,
    speedup=1.0,
    low=None,
    high=None,
    sessions=0,
    apart=False,
    all_reduce_share=None,
    runs=4,
    ok=4,
    failures=(),
)
MIRRORED = replace(
    BASELINE,
    strategy="mirrored",
    devices=2,
    speedup=0.9,
    low=0.85,
    high=0.95,
    sessions=1,
    all_reduce_share=0.0512,
)
PACKED = replace(
    BASELINE,
    strategy="multi_worker_mirrored",
    workers=2,
    nodes=(1, 2),
    hardware=4.0,
    factor=2.0,
    speedup=1.8,
    low=1.75,
    high=1.86,
    sessions=1,
    all_reduce_share=0.1,
    runs=5,
)
SPREAD = replace(PACKED, placement="spread", nodes=(2,), low=None, high=None, ok=3, runs=3)
GONE = replace(
    PACKED,
    workers=64,
    nodes=(),
    hardware=None,
    factor=None,
    speedup=None,
    low=None,
    high=None,
    sessions=0,
    all_reduce_share=None,
    ok=0,
    runs=4,
    failures=(("infeasible", 4),),
)
SCALING = Scaling(
    suite="scaling",
    kind="strong",
    batch=4096,
    hidden=(512, 512),
    activation=("relu", "relu"),
    label="",
    origin=origin("AMD EPYC 7763, 64 cores", None),
    device_name="AMD EPYC 7763 64-Core Processor",
    on_gpus=False,
    baseline=BASELINE,
    scaled=(MIRRORED, PACKED, SPREAD, GONE),
)
ON_GPUS = replace(
    SCALING,
    kind="weak",
    batch=1024,
    hidden=(50, 20),
    activation=("relu", "tanh"),
    label="loop=fit",
    origin=origin("Intel Xeon Platinum 8481C, 26 cores, 8 × NVIDIA H100", None),
    device_name="NVIDIA H100",
    on_gpus=True,
    baseline=replace(BASELINE, hardware=1.0),
    scaled=(replace(MIRRORED, hardware=2.0, factor=2.0),),
)


@pytest.fixture
def shown(rendered):
    """Call with scalings and a width; gives the lines that a terminal shows."""

    def show(*scalings, width=140):
        return [line.rstrip() for line in rendered(scaling_tables(scalings), width)]

    return show


def title(shown, scaling):
    return shown(scaling)[1]


def test_a_wide_terminal_has_a_column_for_each_interval(shown):
    lines = [" ".join(line.split()) for line in shown(SCALING)]
    assert lines[:3] == [
        "",
        "Strong scaling: batch 4,096, 512-512 relu, against one device (2 cores)",
        "strategy replicas nodes cores speed-up 95 % interval efficiency 95 % interval all-reduce ok",
    ]
    assert lines[4:11] == [
        "one_device 1 × 1 1 2 1.000× baseline 100.0 % – 4/4",
        "mirrored 1 × 2 1 2 0.900× 0.850–0.950 90.0 % 85.0–95.0 % 5.1 % 4/4",
        "multi_worker_mirrored 2 × 1 1–2 4 1.800× 1.750–1.860 90.0 % 87.5–93.0 % 10.0 % 4/5",
        "placement=pack",
        "multi_worker_mirrored 2 × 1 2 4 1.800× – 90.0 % – 10.0 % 3/3",
        "placement=spread",
        "multi_worker_mirrored 64 × 1 – – infeasible 0/4",
    ]


def test_a_narrow_one_has_each_figure_over_its_interval(shown):
    lines = shown(SCALING, width=80)
    assert lines[2:15] == [
        "strategy                                 speed-up  efficiency    all-",
        "replicas                nodes  cores         95 %        95 %  reduce   ok",
        "──────────────────────────────────────────────────────────────────────────",
        "one_device                  1      2       1.000×     100.0 %       –  4/4",
        "1 × 1                                    baseline",
        "mirrored                    1      2       0.900×      90.0 %    5.1%  4/4",
        "1 × 2                                 0.850–0.950  85.0–95.0%",
        "multi_worker_mirrored     1–2      4       1.800×      90.0 %   10.0%  4/5",
        "2 × 1 placement=pack                  1.750–1.860  87.5–93.0%",
        "multi_worker_mirrored       2      4       1.800×      90.0 %   10.0%  3/3",
        "2 × 1 placement=spread                          –           –",
        "multi_worker_mirrored       –      –   infeasible                      0/4",
        "64 × 1",
    ]


@pytest.mark.parametrize("width", [40, 60, 76, 80, 100, 120, 140])
def test_every_line_fits(shown, width):
    assert max(map(len, shown(SCALING, ON_GPUS, width=width))) <= width


def test_the_legend_explains_what_is_there(shown):
    legend = " ".join(" ".join(shown(SCALING)).split()).partition("Replicas: ")[2]
    assert legend.split("; ") == [
        "workers × devices of each",
        "speed-up: training images per second, over one device's",
        "efficiency: speed-up over how many times as many cores it has",
        "all-reduce: summing up the gradients, with nothing else to do, over a step",
        "– too few rounds for an interval: 4 a side suffice.",
    ]


def test_and_nothing_else(shown):
    known = replace(MIRRORED, all_reduce_share=None)
    legend = " ".join(" ".join(shown(replace(SCALING, scaled=(known,)))).split())
    assert "too few rounds" not in legend
    assert "all-reduce: " not in legend
    served = replace(known, strategy="parameter_server")
    legend = " ".join(" ".join(shown(replace(SCALING, scaled=(served,)))).split())
    assert "with parameter_server a step is one global batch, whoever trains on it" in legend


def test_a_scenario_that_came_to_several_ends_has_one_a_line(shown):
    both = replace(GONE, failures=(("lost", 3), ("timeout", 1)))
    lines = shown(replace(SCALING, scaled=(both,)))
    assert lines[5].split() == ["multi_worker_mirrored", "64", "×", "1", "–", "–", "3", "lost,", "0/4"]
    assert lines[6].split() == ["1", "timeout"]


def test_weak_scaling_is_of_a_batch_per_replica_and_gpus_are_named(shown):
    assert title(shown, ON_GPUS) == (
        "Weak scaling: batch 1,024 per replica, 50-20 relu-tanh, loop=fit, against one device (NVIDIA H100)"
    )
    assert shown(ON_GPUS)[2].split()[:4] == ["strategy", "replicas", "nodes", "GPUs"]
    assert "as many GPUs it has" in " ".join(shown(ON_GPUS))


def test_one_core_is_one_core(shown):
    single = replace(SCALING, baseline=replace(BASELINE, hardware=1.0))
    assert title(shown, single).endswith("against one device (1 core)")


def test_several_machines_and_suites_are_named(shown):
    other = replace(ON_GPUS, suite="another")
    lines = " ".join(" ".join(shown(SCALING, other)).split())
    assert "scaling · Strong scaling: batch 4,096, 512-512 relu, against one device (2 cores) on AMD" in lines
    assert "another · Weak scaling: " in lines
    assert "(NVIDIA H100) on Intel Xeon Platinum 8481C, 26 cores, 8 × NVIDIA H100 " in lines


@pytest.mark.parametrize(("name", "value"), [("servers", 2), ("cpus", 4)])
def test_what_alone_sets_two_scenarios_apart_is_named(shown, name, value):
    served = replace(PACKED, strategy="parameter_server")
    lines = shown(replace(SCALING, scaled=(served, replace(served, **{name: value}))))
    assert f"{name}={value}" in lines


def test_every_setting_that_scaling_varies_has_a_place_in_the_table():
    assert {"strategy", "workers", "devices", *DETAILS} == set(of_group("spread"))


def test_text_in_brackets_is_text_not_markup(shown):
    assert "[red]" in title(shown, replace(SCALING, label="[red]"))


def test_no_scaling_is_nothing(shown):
    assert shown() == []
    assert scaling_markdown([]) == ""


def test_markdown_has_a_title_a_table_and_the_legend():
    lines = scaling_markdown([SCALING]).splitlines()
    assert lines[:-1] == [
        "**Strong scaling**: batch 4,096, 512-512 relu, against one device (2 cores)",
        "",
        "| strategy | replicas | nodes | cores | speed-up | 95 % interval | efficiency | 95 % interval | "
        "all-reduce | ok |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
        "| one_device | 1 × 1 | 1 | 2 | 1.000× | baseline | 100.0 % |  | – | 4/4 |",
        "| mirrored | 1 × 2 | 1 | 2 | 0.900× | 0.850–0.950 | 90.0 % | 85.0–95.0 % | 5.1 % | 4/4 |",
        "| multi_worker_mirrored placement=pack | 2 × 1 | 1–2 | 4 | 1.800× | 1.750–1.860 | 90.0 % | "
        "87.5–93.0 % | 10.0 % | 4/5 |",
        "| multi_worker_mirrored placement=spread | 2 × 1 | 2 | 4 | 1.800× | – | 90.0 % | – | 10.0 % | 3/3 |",
        "| multi_worker_mirrored | 64 × 1 | – | – | infeasible |  |  |  |  | 0/4 |",
        "",
    ]
    assert lines[-1].startswith("Replicas: workers × devices of each; speed-up: ")


def test_figures_over_sessions_say_of_how_many(shown):
    over = replace(SCALING, scaled=(replace(MIRRORED, sessions=12), replace(PACKED, sessions=2), GONE))
    for width in (80, 140):
        lines = shown(over, width=width)
        assert max(map(len, lines)) <= width
        assert "sessions" in " ".join(lines[2:4]).split()
        said = " ".join(" ".join(lines).split())
        assert "sessions: how many hold both; from 4 on the figure is their mean" in said
    cells = {line.split()[0]: line.split() for line in lines if line}
    assert cells["mirrored"][-4] == "12"
    assert "| 95.0 % | 12 | 5.1 % |" in scaling_markdown([over]).replace("85.0–", "")


def test_what_never_ran_beside_one_device_is_said_with_the_remedy(shown):
    apart = replace(MIRRORED, speedup=None, low=None, high=None, sessions=0, apart=True)
    one = replace(SCALING, scaled=(apart,))
    said = " ".join(" ".join(shown(one, width=80)).split())
    assert "No speed-up of mirrored 1 × 2: no session holds both it and one device" in said
    assert "Put both into one suite, and run that." in said
    assert "No speed-up of mirrored 1 × 2" in scaling_markdown([one])


def test_software_is_named_where_a_machine_had_several(shown):
    base = replace(SCALING.origin, machine_id="m", software_id="aaaa11")
    lines = shown(replace(SCALING, origin=base), replace(SCALING, origin=replace(base, software_id="bbbb22")))
    titles = [line for line in lines if line.startswith("Strong scaling")]
    assert [line.rpartition(" on ")[2] for line in titles] == ["software aaaa", "software bbbb"]
