"""Paths that are not on this machine: what cannot be read or written there is refused by name."""

import pytest

from bench.orchestration import launch as launching
from bench.orchestration.launch import Outcome
from tests.commands import bench

SUITE = '[[sweep]]\nname = "one"\nhidden = [50, 50]\nbatch_size = 100\n'


@pytest.fixture(autouse=True)
def suite(tmp_path, monkeypatch):
    """In a folder of its own."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "suite.toml").write_text(SUITE)


@pytest.mark.parametrize(
    "line",
    [
        "run suite.toml --data {}",
        "run {}",
        "plan {}",
        "probe {}",
        "report . -o {}",
    ],
)
@pytest.mark.parametrize("uri", ["s3://bucket/x", "gs://bucket/x", "hf://datasets/x"])
def test_what_is_on_this_machine_alone_so_far(line, uri, tmp_path):
    said = bench(*line.format(uri).split())
    scheme = uri.partition(":")[0]
    assert (said.status, said.output) == (2, "")
    assert said.error == (
        f"bench: {uri}: {scheme}:// cannot be used here yet; give a path on this machine, and copy it\n"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["suite.toml"]


@pytest.mark.parametrize("line", ["run suite.toml --results {}", "plan suite.toml --results {}"])
def test_results_where_nothing_can_be_written(line):
    said = bench(*line.format("hf://datasets/x").split())
    assert (said.status, said.output) == (2, "")
    assert said.error.startswith(
        "bench: hf://datasets/x: hf:// cannot be written; give a path on this machine, or s3://, gs://"
    )


@pytest.mark.parametrize("uri", ["hf://datasets/x", "http://host/x", "nope://x"])
@pytest.mark.parametrize("line", ["show {}", "report {}", "compare {} ."])
def test_what_cannot_be_read_from(line, uri):
    said = bench(*line.format(uri).split())
    assert (said.status, said.output, said.error.count("\n")) == (2, "", 1)
    scheme = uri.partition(":")[0]
    assert said.error.startswith(
        f"bench: {uri}: {scheme}:// cannot be read; copy it here, or give one of file://"
    )


def test_a_file_uri_is_a_path(tmp_path, monkeypatch):
    asked = []

    def launch(_suite, results, data, *_others):
        asked.append((results, data))
        return Outcome(results, (), (), False)

    monkeypatch.setattr(launching, "launch", launch)
    there = (tmp_path / "my results").as_uri()
    assert "%20" in there
    said = bench("run", (tmp_path / "suite.toml").as_uri(), "--results", there, "--data", there, "--quiet")
    assert (said.status, said.error) == (0, "")
    assert asked == [(tmp_path / "my results", tmp_path / "my results")]
