import json
import tarfile

from tests.gpu.report import Report


def test_a_report_is_appended_to_by_whoever_has_its_folder(tmp_path):
    Report(tmp_path / "out").write("one")
    Report(tmp_path / "out").table(("a", "b"), [(1, "x|y\nz")])
    text = (tmp_path / "out" / "report.md").read_text()
    assert text == "one\n| a | b |\n| --- | --- |\n| 1 | x\\|y z |\n\n"


def test_figures_are_lines_of_json(tmp_path):
    report = Report(tmp_path)
    report.figure("steps", seconds=1.5)
    report.figure("probe", path=tmp_path)
    lines = [json.loads(line) for line in (tmp_path / "figures.jsonl").read_text().splitlines()]
    assert lines == [{"stage": "steps", "seconds": 1.5}, {"stage": "probe", "path": str(tmp_path)}]


def test_sessions_are_packed_anew_as_they_grow(tmp_path):
    report, results = Report(tmp_path / "out"), tmp_path / "results"
    report.pack(results)
    assert not (tmp_path / "out" / "results.tar.gz").exists()
    for name in ("one", "two"):
        (results / name).mkdir(parents=True)
        (results / name / "journal.jsonl").write_text(name)
        report.pack(results)
    with tarfile.open(tmp_path / "out" / "results.tar.gz") as packed:
        names = packed.getnames()
    assert {"results/one/journal.jsonl", "results/two/journal.jsonl"} <= set(names)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["results.tar.gz"]
