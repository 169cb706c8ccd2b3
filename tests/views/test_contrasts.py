from bench.analysis.contrasts import contrasts
from bench.views.contrasts import contrast_lines
from tests.runs import run_table

RUN = {"session_id": "s", "status": "ok", "dataset": "digits", "hidden": [8], "batch_size": 10}


def runs(machine):
    """Four rounds in which `fit` takes about twice the time of `fused`."""
    return [
        {**RUN, "run_id": f"{machine} {loop} {n}", "scenario_id": loop, "loop": loop, "round": n}
        | {"machine": machine, "machine_id": machine, "step_seconds": factor * (1 + n / 1000)}
        for loop, factor in (("fused", 1), ("fit", 2))
        for n in range(4)
    ]


def test_a_machine_alone_is_not_named():
    (line,) = contrast_lines(contrasts(run_table(runs("First"))))
    assert line.startswith("fit is 2.00 times slower")
    assert contrast_lines([]) == []


def test_machines_are_named_where_there_are_several():
    lines = contrast_lines(contrasts(run_table(runs("First"), runs("Other"))))
    starts = [line.partition(" times slower")[0] for line in lines]
    assert starts == ["First: fit is 2.00", "Other: fit is 2.00"]
