"""`bench list`, `bench check` and `bench import`, as people and programs read them."""

import csv
import io
import json
import shutil

import pytest

from bench.records.journal import FILE_NAME, Journal
from tests.commands import bench


@pytest.fixture
def results(small, tmp_path):
    """A folder with one session."""
    shutil.copytree(small, tmp_path / "results" / "small")
    return tmp_path / "results"


def damage(path, place=0.5):
    """A bit of the byte at that place, a share of the file."""
    data = bytearray(path.read_bytes())
    data[int(len(data) * place)] ^= 1
    path.write_bytes(data)


class TestList:
    def test_a_row_for_each_session_below_its_folder_and_what_they_take(self, results):
        shutil.copytree(results / "small", results / "deep" / "copy")
        said = bench("list", results)
        assert said.status == 0
        assert "2 sessions, 12 runs" in said.output
        assert "6/6" in said.output
        assert "ended" in said.output

    def test_for_programs(self, results):
        (row,) = json.loads(bench("list", results, "--format", "json").output)
        size = sum(path.stat().st_size for path in results.rglob("*") if path.is_file())
        assert (row["session_id"], row["suite"], row["state"]) == ("small", "small", "ended")
        assert (row["runs"], row["ok"], row["bytes"]) == (6, 6, size)
        assert (row["machines"], row["path"]) == (["AMD EPYC 7763, 64 cores"], str(results / "small"))
        assert row["began"] == "2026-01-31T14:25:30+00:00"
        (same,) = csv.DictReader(io.StringIO(bench("list", results, "--format", "csv").output))
        assert same == {**{k: str(v) for k, v in row.items()}, "machines": "AMD EPYC 7763, 64 cores"}
        assert str(results / "small") in bench("list", results, "--format", "md").output

    def test_one_that_cannot_be_read_is_a_row_and_a_line_that_says_why(self, results):
        damage(results / "small" / "manifest.json")
        said = bench("list", results)
        assert said.status == 0
        assert "damaged" in said.output
        assert "bench check --repair" in said.error

    def test_nothing_there(self, tmp_path):
        assert "holds no session" in bench("list", tmp_path).refusal()


class TestCheck:
    @pytest.mark.parametrize("output", ["table", "md", "csv", "json"])
    def test_whole(self, results, output):
        said = bench("check", results, "--format", output)
        assert said.status == 0
        assert "whole" in said.output

    def test_damaged_then_repaired_then_whole(self, results):
        damage(results / "small" / "runs.parquet", 0.1)  # a page of values, far from the footer
        said = bench("check", results)
        assert said.status == 1
        assert "runs.parquet: row group 1 of 1 is damaged" in said.output
        assert "nothing is lost" in said.output
        repaired = bench("check", results, "--repair")
        assert repaired.status == 0
        assert "repaired, now whole" in repaired.output
        assert bench("check", results).status == 0

    def test_for_programs(self, results):
        damage(results / "small" / FILE_NAME)
        said = bench("check", results, "--format", "json")
        assert said.status == 1
        (row,) = json.loads(said.output)
        assert (row["verdict"], row["state"], row["lost"]) == ("damaged", "ended", [])
        assert f"{results / 'small' / FILE_NAME}:" in row["damage"][0]
        (same,) = csv.DictReader(io.StringIO(bench("check", results, "--format", "csv").output))
        assert (same["verdict"], same["damage"]) == ("damaged", row["damage"][0])
        assert row["damage"][0] in bench("check", results, "--format", "md").output

    def test_what_is_lost_is_told_also_once_it_is_repaired(self, results):
        for name in ("runs.parquet", FILE_NAME):
            damage(results / "small" / name)
        said = bench("check", results, "--repair")
        assert said.status == 1
        assert "lost: 1 run" in said.output
        assert bench("check", results).status == 0

    def test_the_published_results_are_read(self, published):
        said = bench("check", published)
        assert said.status == 0
        assert "no checksums" in said.output


class TestImport:
    def test_once_and_not_again(self, results, tmp_path):
        said = bench("import", results, "--results", tmp_path / "here")
        assert said.status == 0
        assert said.output.startswith(f"✓ imported {tmp_path / 'here' / 'small'}: 6 runs, ")
        again = bench("import", results, "--results", tmp_path / "here")
        assert again.status == 0
        assert again.output.startswith(f"– already there: {tmp_path / 'here' / 'small'}: 6 runs")

    def test_a_damaged_one_and_one_that_is_going_on_are_named_and_the_others_copied(self, results, tmp_path):
        shutil.copytree(results / "small", results / "zzz")
        damage(results / "small" / "runs.parquet")
        said = bench("import", results, "--results", tmp_path / "here")
        assert said.status == 1
        assert f"✗ not imported: {results / 'small'}: " in said.output
        assert "✓ imported" in said.output
        (results / "zzz" / "manifest.json").unlink()
        (results / "zzz" / "runs.parquet").unlink()
        with Journal(results / "zzz"):
            going_on = bench("import", results / "zzz", "--results", tmp_path / "other")
        assert going_on.status == 1
        assert "import it once it has ended" in going_on.output

    def test_dry(self, results, tmp_path):
        said = bench("import", results, "--results", tmp_path / "here", "--dry-run")
        assert "✓ to be imported" in said.output
        assert not (tmp_path / "here").exists()

    def test_wrong_usage(self, results, tmp_path):
        assert "no such folder" in bench("import", tmp_path / "nowhere").refusal()
        assert bench("import").status == 2
        assert "hf://" in bench("import", results, "--results", "hf://datasets/here").refusal()
