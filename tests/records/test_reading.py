"""What is asked for of sessions is what reading all of them gives, however little of them is read."""

import contextlib
import hashlib
import random
import shutil
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings

from bench.analysis.condition import Condition
from bench.errors import StoreError
from bench.records import folders, segments, writing
from bench.records.asked import Asked
from bench.records.journal import FILE_NAME
from bench.records.manifest import MANIFEST_FILE, write_manifest
from bench.records.pieces import read_manifest
from bench.records.recorder import Recorder
from bench.records.seal import sealed
from bench.records.session import open_session, read_part
from bench.records.store import read_sessions
from bench.records.tables import TABLE_NAMES
from bench.records.writing import write_tables
from tests.analysis.test_outcomes import CONDITIONS

TABLES = ("runs", "epochs", "machines")
FLIPS = 120
TEXTS = ("optimizer", "dataset", "loop", "precision", "label")
PROBED = (
    *("session_id", "machine", "node", "gpu_memory_bytes", "probe_float32_flops_per_second"),
    *("probe_working_set_bytes", "probe_bytes_per_second"),
)
COLUMNS = {
    "runs": ("run_id", "session_id", "label", "batch_size", "flags", "step_seconds", "started_at", "error"),
    "epochs": ("run_id", "epoch", "val_accuracy"),
    "machines": ("session_id", "machine", "gpu_name"),
}


def plain(table):
    """Its rows; texts may be dictionaries."""
    return table.to_pylist()


def probed(content, number):
    """Rows of so many nodes of one machine, each with a speed of its own."""
    (row,) = content().machines
    figures = {"probe_working_set_bytes": [65536, 4194304], "probe_bytes_per_second": [1e10, 5e9]}
    return [
        row | figures | {"node": f"node-{n}", "probe_float32_flops_per_second": n * 1e12}
        for n in range(1, number + 1)
    ]


def record(folder, content, runs, session_id, machines=None, **columns):
    """A session as the recorder leaves it; `columns` are those of each run, by its number from 0."""
    made = content(runs, session_id)
    if machines:
        made = replace(made, machines=[row | {"session_id": session_id} for row in machines])
    with Recorder.begin(folder, session_id, {"suite": "a suite"}) as recorder:
        recorder.add_machines(made.machines)
        for number, (row, epoch) in enumerate(zip(made.runs, made.epochs, strict=True)):
            changed = {name: of(number) for name, of in columns.items()}
            recorder.add_run(row | changed, [epoch])
    return folder


@pytest.fixture
def mixed(tmp_path, content):
    """Sessions of every kind below a folder."""
    numbers = {"batch_size": lambda n: [1, 10, 100, None][n % 4], "jit": lambda n: [True, False, None][n % 3]}
    floats = {"learning_rate": lambda n: [0.1, 0.0, float("nan"), None][n % 4]}
    record(tmp_path / "a", content, 4, "s1", **numbers, **floats)
    record(tmp_path / "b", content, 3, "s2", loop=lambda _n: "fit", batch_size=lambda _n: 100)
    record(tmp_path / "c", content, 3, "s3", batch_size=lambda n: 10 - 10 * n)  # 0 and -10 cannot be
    made = content(2, "s4")
    (tmp_path / "d").mkdir()
    write_tables(tmp_path / "d", [made])
    younger = pq.read_table(tmp_path / "d" / "runs.parquet").drop_columns(["jit", "learning_rate"])
    pq.write_table(younger, tmp_path / "d" / "runs.parquet")
    return tmp_path


class TestColumns:
    def test_they_are_those_of_all(self, mixed):
        whole, some = read_sessions([str(mixed)]), read_sessions([str(mixed)], columns=COLUMNS)
        for name in TABLE_NAMES:
            asked = getattr(some, name)
            assert asked.schema.names == list(COLUMNS[name])
            assert str(plain(asked)) == str(plain(getattr(whole, name).select(COLUMNS[name])))
        assert some.notes == whole.notes
        assert some.recorded == whole.recorded == 12

    def test_a_table_that_is_not_asked_for_is_not_opened(self, tmp_path, content, monkeypatch):
        record(tmp_path / "a", content, 2, "s1")
        opened = watched(monkeypatch)
        found = read_sessions([str(tmp_path)], columns={"runs": ("label",)})
        assert (found.runs.num_rows, found.epochs.num_rows, found.machines.num_rows) == (2, 0, 0)
        assert opened == [MANIFEST_FILE, "runs.parquet"]

    def test_of_sessions_without_runs_there_are_the_columns(self, tmp_path):
        with Recorder.begin(tmp_path / "ended", "s1", {}):
            pass
        (tmp_path / "begun").mkdir()
        (tmp_path / "begun" / FILE_NAME).touch()
        for columns in (COLUMNS, None):
            found = read_sessions([str(tmp_path)], columns=columns)
            assert (found.runs.num_rows, found.recorded, found.notes) == (0, 0, ())
            assert set(found.runs.schema.names) >= set(COLUMNS["runs"])

    def test_texts_are_dictionaries_and_names_of_runs_are_not(self, mixed):
        runs = read_sessions([str(mixed)], columns={"runs": ("run_id", "label", "error")}).runs
        assert [pa.types.is_dictionary(column.type) for column in runs.columns] == [False, True, True]

    def test_what_cannot_be_flags_a_run_also_where_it_is_not_asked_for(self, mixed):
        found = read_sessions([str(mixed / "c")], columns={"runs": ("flags",)})
        assert [("implausible" in flags) for flags in found.runs["flags"].to_pylist()] == [False, True, True]
        assert "batch_size in 2 rows" in found.notes[0]

    def test_a_manifest_tells_what_is_the_same_in_all_rows(self, tmp_path, content):
        folder = record(tmp_path / "a", content, 2, "s1", energy_joules=lambda _n: -0.0)
        stored = read_manifest(folders.Local(str(folder))).tables["runs"]
        assert stored.clean
        assert stored.constants["label"] == "baseline"
        assert stored.constants["batch_size"] == 100
        assert stored.constants["error"] is None
        assert not stored.constants.keys() & {"run_id", "round", "flags", "started_at", "energy_joules"}
        assert not stored.told

    def test_of_few_machines_it_tells_the_rows(self, tmp_path, content, monkeypatch):
        for name in ("s1", "s2"):
            record(tmp_path / name, content, 2, name, machines=probed(content, 8))
        whole = read_sessions([str(tmp_path)])
        opened = watched(monkeypatch)
        found = read_sessions([str(tmp_path)], columns={"runs": ("round",), "machines": PROBED})
        assert found.machines.num_rows == 16
        assert plain(found.machines) == plain(whole.machines.select(PROBED))
        assert opened.count("machines.parquet") == 0

    @pytest.mark.parametrize(("machines", "more"), [(9, ()), (2, ("fingerprint",)), (2, ("gpu_name",))])
    def test_of_more_their_file_is_read(self, tmp_path, content, monkeypatch, machines, more):
        record(tmp_path / "a", content, 2, "s1", machines=probed(content, machines))
        whole = read_sessions([str(tmp_path)])
        opened = watched(monkeypatch)
        found = read_sessions([str(tmp_path)], columns={"runs": ("round",), "machines": (*PROBED, *more)})
        assert plain(found.machines) == plain(whole.machines.select([*PROBED, *more]))
        assert opened.count("machines.parquet") == 1

    @pytest.mark.parametrize("told", [["x", "y"], [1.0], [None, "start", "end"], [["start"], "end"]])
    def test_what_a_manifest_tells_of_another_type_is_not_believed(self, tmp_path, content, told):
        folder = record(tmp_path / "a", content, 2, "s1", machines=probed(content, 2))
        manifest = read_manifest(folders.Local(str(folder)))
        stored = manifest.tables["machines"]
        other = replace(stored, told={**stored.told, "probe_float32_flops_per_second": told})
        write_manifest(folder, replace(manifest, tables={**manifest.tables, "machines": other}))
        found = read_sessions([str(folder)], columns={"runs": ("round",), "machines": PROBED})
        assert found.machines["probe_float32_flops_per_second"].to_pylist() == [1e12, 2e12]

    @pytest.mark.parametrize(
        ("column", "told"),
        [
            ("node", [1.5, 7]),
            ("node", [["a"], "b"]),
            ("virtualised", ["no", 0]),
            ("gpu_memory_bytes", [5, "x"]),
            ("gpu_memory_bytes", [["x"], [1]]),
            ("cpu_cores_physical", [True, 2]),
        ],
    )
    def test_nor_is_what_only_looks_like_it(self, tmp_path, content, column, told):
        folder = record(tmp_path / "a", content, 2, "s1", machines=probed(content, 2))
        whole = read_sessions([str(folder)]).machines[column].to_pylist()
        manifest = read_manifest(folders.Local(str(folder)))
        stored = manifest.tables["machines"]
        constants = {name: value for name, value in stored.constants.items() if name != column}
        other = replace(stored, told={**stored.told, column: told}, constants=constants)
        write_manifest(folder, replace(manifest, tables={**manifest.tables, "machines": other}))
        found = read_sessions([str(folder)], columns={"runs": ("round",), "machines": (*PROBED, column)})
        assert found.machines[column].to_pylist() == whole

    @pytest.mark.parametrize("rows", [5_000_000, 10**11])
    def test_nor_that_there_are_very_many(self, tmp_path, content, rows):
        folder = record(tmp_path / "a", content, 2, "s1")
        manifest = read_manifest(folders.Local(str(folder)))
        other = replace(manifest.tables["machines"], rows=rows)
        write_manifest(folder, replace(manifest, tables={**manifest.tables, "machines": other}))
        found = read_sessions([str(folder)], columns={"runs": ("round",), "machines": ("machine_id",)})
        assert found.machines.num_rows == 1

    def test_of_segments_it_tells_nothing_that_nobody_reads(self, tmp_path, content, monkeypatch):
        monkeypatch.setattr(segments, "RUNS_OF_A_SEGMENT", 2)
        folder = record(tmp_path / "a", content, 5, "s1")
        manifest = read_manifest(folders.Local(str(folder)))
        stored = [file for segment in manifest.segments for file in segment.files.values()]
        assert stored
        assert not any(file.clean or file.constants or file.told for file in stored)

    def test_texts_that_an_older_table_lacks_are_null(self, tmp_path, content):
        """Though its manifest says that all else in it is of the schema's types."""
        folder = record(tmp_path / "a", content, 2, "s1")
        manifest = read_manifest(folders.Local(str(folder)))
        path = folder / "runs.parquet"
        pq.write_table(pq.read_table(path).drop_columns(["optimizer", "seed"]), path)
        whole = path.read_bytes()
        stored = manifest.tables["runs"]
        constants = {name: it for name, it in stored.constants.items() if name not in TEXTS}
        older = replace(
            stored, bytes=len(whole), sha256=hashlib.sha256(whole).hexdigest(), constants=constants
        )
        write_manifest(folder, replace(manifest, tables={**manifest.tables, "runs": older}))
        found = read_sessions([str(folder)], columns={"runs": (*TEXTS, "seed", "round")}, condition=None)
        assert found.notes == ()
        (row, _) = plain(found.runs)
        assert row == dict(
            zip(TEXTS, (None, "mnist", "fused", "float32", "baseline"), strict=True), seed=None, round=1
        )


class TestConditions:
    @pytest.fixture
    def halves(self, mixed):
        """What is read where a condition holds, and what of all that is read."""
        whole = read_sessions([str(mixed)]).runs

        def both(expression):
            condition = Condition(expression)
            read = read_sessions([str(mixed)], columns={"runs": COLUMNS["runs"]}, condition=condition)
            held = whole.filter(condition.rows_held(whole)).select(COLUMNS["runs"])
            assert read.recorded == whole.num_rows
            return str(plain(read.runs)), str(plain(held))

        return both

    @given(expression=CONDITIONS)
    @settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_what_holds_is_found_where_it_lies(self, halves, expression):
        read, held = halves(expression)
        assert read == held

    @pytest.mark.parametrize(
        "expression",
        [
            'session_id == "s2"',
            'session_id != "s2" and batch_size == None',
            '"implausible" in flags',
            'error == None and hidden == "50-50"',
            'started_at >= "2026-01-31"',
            'machine == "nothing"',
        ],
    )
    def test_so_do_others(self, halves, expression):
        read, held = halves(expression)
        assert read == held

    def test_of_sessions_that_it_rules_out_no_table_is_opened(self, tmp_path, content, monkeypatch):
        for name in ("s1", "s2", "s3"):
            record(tmp_path / name, content, 2, name)
        opened = watched(monkeypatch)
        condition = Condition('session_id == "s2"')
        found = read_sessions([str(tmp_path)], columns=COLUMNS, condition=condition)
        assert found.runs["session_id"].to_pylist() == ["s2", "s2"]
        assert (found.epochs.num_rows, found.machines.num_rows, found.recorded) == (2, 1, 6)
        assert sorted(opened) == sorted([MANIFEST_FILE] * 3 + [f"{name}.parquet" for name in TABLES])

    def test_of_row_groups_those_are_read_that_may_hold(self, tmp_path, content, monkeypatch):
        monkeypatch.setattr(writing, "ROWS_OF_A_GROUP", 2)
        record(tmp_path / "a", content, 6, "s1", batch_size=lambda n: n + 1)
        asked = []
        read = pq.ParquetFile.read_row_groups

        def read_row_groups(file, groups, *arguments, **options):
            asked.extend(groups)
            return read(file, groups, *arguments, **options)

        monkeypatch.setattr(pq.ParquetFile, "read_row_groups", read_row_groups)
        condition = Condition("batch_size >= 3 and batch_size < 5")
        found = read_sessions([str(tmp_path)], columns={"runs": ("round",)}, condition=condition)
        assert found.runs["round"].to_pylist() == [3, 4]
        assert set(asked) == {1}

    def test_of_sessions_without_such_a_run_no_other_column_is_read(self, tmp_path, content, monkeypatch):
        for name, first in (("s1", 1), ("s2", 4)):
            record(tmp_path / name, content, 3, name, batch_size=lambda n, first=first: first + n)
        asked = []
        read = pq.ParquetFile.read_row_groups

        def read_row_groups(file, groups, columns, **options):
            asked.append(sorted(columns))
            return read(file, groups, columns, **options)

        monkeypatch.setattr(pq.ParquetFile, "read_row_groups", read_row_groups)
        condition = Condition("batch_size > 4")
        found = read_sessions([str(tmp_path)], columns={"runs": ("run_id", "round")}, condition=condition)
        assert found.runs["round"].to_pylist() == [2, 3]
        assert sorted(asked) == [["batch_size"], ["batch_size"], ["round", "run_id"]]

    def test_a_column_that_few_tables_have_is_known(self, mixed):
        path = mixed / "d" / "runs.parquet"
        pq.write_table(pq.read_table(path).append_column("note", pa.array(["x", "y"])), path)
        found = read_sessions(
            [str(mixed)], columns={"runs": ("session_id",)}, condition=Condition('note == "y"')
        )
        assert found.runs["session_id"].to_pylist() == ["s4"]


class TestDamage:
    def test_every_bit_that_is_flipped_is_found(self, tmp_path, content):
        """The tables are then read from the journal, and the file is named."""
        folder = record(tmp_path / "a", content, 3, "s1")
        whole = read_sessions([str(folder)])
        assert whole.notes == ()
        names = ["runs.parquet", "epochs.parquet", "machines.parquet", MANIFEST_FILE]
        chance = random.Random(0)
        for _ in range(FLIPS):
            path = folder / chance.choice(names)
            content_of = path.read_bytes()
            damaged = bytearray(content_of)
            damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
            path.write_bytes(damaged)
            found = read_sessions([str(folder)])
            path.write_bytes(content_of)
            assert found.notes[0].startswith(f"{path}: damaged")
            assert "`bench check --repair` makes it anew" in found.notes[0]
            for name in TABLE_NAMES:
                assert getattr(found, name).equals(getattr(whole, name)), (path.name, name)

    def test_every_bit_that_is_flipped_in_what_is_read_is_found(self, tmp_path, content):
        """Of few machines the manifest itself tells: their file is not read."""
        folder = record(tmp_path / "a", content, 3, "s1", machines=probed(content, 2))
        columns = {**COLUMNS, "machines": PROBED}
        whole = read_sessions([str(folder)], columns=columns)
        chance = random.Random(0)
        for number in range(FLIPS):
            path = folder / ("runs.parquet", "epochs.parquet", "machines.parquet", MANIFEST_FILE)[number % 4]
            content_of = path.read_bytes()
            damaged = bytearray(content_of)
            damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
            path.write_bytes(damaged)
            found = read_sessions([str(folder)], columns=columns)
            path.write_bytes(content_of)
            assert bool(found.notes) == (path.name != "machines.parquet")
            for name in TABLE_NAMES:
                assert plain(getattr(found, name)) == plain(getattr(whole, name)), (path.name, name)

    def test_of_many_sessions_the_damaged_one_is_named(self, tmp_path, content):
        for name in ("s1", "s2", "s3"):
            record(tmp_path / name, content, 2, name)
        damage(tmp_path / "s2" / "runs.parquet")
        (tmp_path / "s2" / FILE_NAME).unlink()
        found = read_sessions([str(tmp_path)], columns=COLUMNS)
        assert found.runs["session_id"].to_pylist() == ["s1", "s1", "s3", "s3"]
        (note,) = found.notes
        assert note.startswith(f"left out: {tmp_path / 's2' / 'runs.parquet'}: damaged")

    def test_what_a_journal_lacks_in_place_of_a_damaged_table_is_said(self, tmp_path, content):
        folder = record(tmp_path / "a", content, 3, "s1")
        damage(folder / "runs.parquet")
        journal = folder / FILE_NAME
        lines = [line for line in journal.read_bytes().splitlines(keepends=True) if b'"kind": "run"' in line]
        journal.write_bytes(journal.read_bytes().replace(lines[1], b""))
        found = read_sessions([str(folder)])
        assert found.runs["round"].to_pylist() == [1, 3]
        assert "which lacks 1 of 3 runs" in found.notes[0]

    def test_of_copies_a_whole_one_is_read(self, tmp_path, content):
        record(tmp_path / "a", content, 2, "s1")
        shutil.copytree(tmp_path / "a", tmp_path / "b")
        damage(tmp_path / "a" / "runs.parquet")
        found = read_sessions([str(tmp_path)], columns=COLUMNS)
        assert (found.runs.num_rows, found.machines.num_rows, found.notes) == (2, 1, ())

    def test_of_copies_the_one_with_more_runs_is_read(self, tmp_path, content):
        record(tmp_path / "a", content, 1, "s1")
        record(tmp_path / "b", content, 3, "s1")
        condition = Condition("round == 2")
        found = read_sessions([str(tmp_path)], columns=COLUMNS, condition=condition)
        assert (found.runs.num_rows, found.recorded) == (1, 3)

    def test_of_copies_only_runs_may_be_asked_for(self, tmp_path, content):
        for name in ("a", "b"):
            record(tmp_path / name, content, 3, "s1")
        for asked in (COLUMNS["runs"], ("machine_id", "machine")):
            columns = {"runs": asked}
            found = read_sessions([str(tmp_path)], columns=columns, condition=Condition("round == 2"))
            assert (found.runs.num_rows, found.recorded, found.machines.num_rows) == (1, 3, 0)

    def test_a_manifest_to_come_is_told(self, tmp_path, content):
        folder = record(tmp_path / "a", content, 1, "s1")
        path = folder / MANIFEST_FILE
        path.write_bytes(sealed('{"version": 99}'))
        with pytest.raises(StoreError, match="version 99, this bench reads up to 1; upgrade bench"):
            read_sessions([str(folder)])


def watched(monkeypatch):
    """The names of the files that are opened from now on, in order."""
    opened, open_file = [], folders.Local.open

    def note(folder, name):
        opened.append(name)
        return open_file(folder, name)

    monkeypatch.setattr(folders.Local, "open", note)
    return opened


def damage(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


class TestMeanwhile:
    """A session that goes on, or is repaired, between two looks at it is as it is at the second."""

    @pytest.fixture
    def opened(self, tmp_path, content, session_at):
        return open_session(session_at(record(tmp_path / "a", content, 3, "s1")))

    @pytest.fixture
    def resumed(self, opened, run):
        """The recorder that goes on with it, by a run."""

        @contextlib.contextmanager
        def resume():
            with Recorder.resume(Path(opened.at.folder.path), {}) as recorder:
                recorder.add_run(*run("s1", 4))
                yield

        return resume

    def test_it_ended_again(self, opened, resumed):
        with resumed():
            pass
        part = read_part(opened, Asked(COLUMNS))
        assert (part.rows["runs"].number, part.recorded, part.notes) == (4, 4, ())

    def test_it_goes_on_and_its_tables_are_gone(self, opened, resumed):
        with resumed():
            for table in Path(opened.at.folder.path).glob("*.parquet"):
                table.unlink()
            part = read_part(opened, Asked(COLUMNS))
        assert (part.rows["runs"].number, part.recorded, part.notes) == (4, 4, ())

    def test_what_is_damaged_as_well_is_told(self, opened, resumed):
        with resumed():
            pass
        (Path(opened.at.folder.path) / "runs.parquet").write_bytes(b"damaged")
        part = read_part(opened, Asked(COLUMNS))
        assert part.rows["runs"].number == 4
        assert "not the bytes that were written; the journal was read" in part.notes[0]
