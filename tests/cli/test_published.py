"""The notebook's published figures as they lie in results/ are those that make.py computes."""

import importlib.util

import pytest

from bench.records.entries import JournalContent
from bench.records.store import read_sessions
from bench.records.writing import write_tables

# Training, validation and test accuracy in percent, and seconds of the whole fit, as the notebook prints
# them; of the two learning rates the runs from fresh weights.
FIGURES = {
    ("baseline", (200, 200), ("relu", "tanh"), 100, 0.001, 5): (98.95, 97.73, 97.14, 34),
    ("batch-size", (50, 50), ("relu", "relu"), 10000, 0.001, 5): (76.62, 81.09, 78.98, 7.05),
    ("batch-size", (50, 50), ("relu", "relu"), 1, 0.001, 5): (96.73, 95.98, 95.79, 502.28),
    ("learning-rate", (50, 50), ("relu", "relu"), 100, 0.0001, 5): (91.91, 93.12, 92.36, 13.06),
    ("learning-rate", (50, 50), ("relu", "relu"), 100, 0.02, 5): (95.61, 95.24, 94.09, 12.69),
    ("wide-sigmoid", (1024, 1024), ("sigmoid", "sigmoid"), 200, 6.561e-4, 50): (100, 98.30, 97.86, 960.17),
}


@pytest.fixture(scope="module")
def stored(published):
    return read_sessions([str(published)])


@pytest.fixture(scope="module")
def computed(published, tmp_path_factory):
    """The same tables, computed anew."""
    spec = importlib.util.spec_from_file_location("make_published", published / "make.py")
    make = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(make)
    content = make.content()
    assert isinstance(content, JournalContent)
    folder = tmp_path_factory.mktemp("computed") / published.name
    folder.mkdir()
    write_tables(folder, [content])
    return read_sessions([str(folder)])


@pytest.mark.parametrize("name", ["runs", "epochs", "machines"])
def test_the_stored_table_is_the_computed_one(stored, computed, name):
    table = getattr(stored, name)
    assert table.num_rows
    assert table.equals(getattr(computed, name)), "run python results/notebook-published/make.py"


def test_the_figures_are_the_notebooks(stored):
    runs = stored.runs.to_pylist()
    assert len(runs) == len(FIGURES)
    for run in runs:
        settings = ("batch_size", "learning_rate", "epochs")
        key = (
            run["sweep"],
            tuple(run["hidden"]),
            tuple(run["activation"]),
            *(run[name] for name in settings),
        )
        measured = ("train_accuracy", "val_accuracy", "test_accuracy")
        train, val, test, seconds = FIGURES[key]
        assert [run[name] for name in measured] == pytest.approx([train / 100, val / 100, test / 100])
        assert run["wall_seconds"] == seconds


def test_every_figure_says_that_it_is_published_and_by_what_loop_and_optimizer(stored):
    for run in stored.runs.to_pylist():
        assert {"published", "unscaled-test"} <= set(run["flags"])
        assert (run["status"], run["loop"], run["optimizer"], run["dataset"]) == (
            "ok",
            "fit",
            "adam",
            "mnist",
        )


def test_the_baselines_epochs_end_at_its_figures(stored):
    epochs = stored.epochs.to_pylist()
    assert [epoch["epoch"] for epoch in epochs] == [1, 2, 3, 4, 5]
    assert (epochs[-1]["train_accuracy"], epochs[-1]["val_accuracy"]) == (0.9895, 0.9773)
    assert epochs[-1]["elapsed_seconds"] == 34
