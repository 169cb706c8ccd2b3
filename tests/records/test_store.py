import os
import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bench.errors import StoreError
from bench.records import folders, older
from bench.records.journal import FILE_NAME, Journal
from bench.records.store import read_sessions
from bench.records.writing import write_tables

DEADLINE_SECONDS = 30.0


@pytest.fixture
def session(tmp_path, content):
    """A finished session's folder: tables alone, as a copy of them might be."""

    def make(name="s1", runs=2, under=tmp_path):
        folder = under / name
        folder.mkdir(parents=True)
        write_tables(folder, [content(runs, session_id=name)])
        return folder

    return make


@pytest.fixture
def journal(content):
    """A journal of so many runs in a folder, ended or not."""

    def make(folder, runs, closed=False, session_id="s1"):
        made = content(runs, session_id)
        (folder / FILE_NAME).unlink(missing_ok=True)
        with Journal(folder) as file:
            file.append("session", **made.header)
            file.append("machine", row=made.machines[0])
            for row, epoch in zip(made.runs, made.epochs, strict=True):
                file.append("run", row=row, epochs=[epoch])
            if closed:
                file.append("closed", runs=runs)

    return make


@pytest.fixture
def refused():
    """The one line that reading a path is refused with."""

    def refuse(path):
        with pytest.raises(StoreError) as caught:
            read_sessions([str(path)])
        assert "\n" not in str(caught.value)
        return str(caught.value)

    return refuse


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def rows(tables):
    return tables.runs.num_rows, tables.epochs.num_rows, tables.machines.num_rows


class TestUnion:
    def test_sessions_of_any_folders_are_united(self, session):
        a, b = session("s1", runs=2), session("s2", runs=3)
        assert rows(read_sessions([str(a), str(b)])) == (5, 5, 2)

    def test_sessions_lie_at_a_path_or_below_it(self, session, tmp_path):
        session("s1", under=tmp_path / "results" / "machine-a")
        session("s2", under=tmp_path / "results" / "machine-b")
        tables = read_sessions([str(tmp_path / "results")])
        assert tables.runs.column("session_id").to_pylist() == ["s1", "s1", "s2", "s2"]

    def test_sessions_at_mixed_depths_are_all_read(self, session, tmp_path):
        session("s1", runs=1)
        session("s2", runs=2, under=tmp_path / "a" / "b" / "c" / "d")
        tables = read_sessions([str(tmp_path)])
        assert tables.runs.column("session_id").to_pylist() == ["s2", "s2", "s1"]

    def test_copying_a_folder_is_enough(self, session, tmp_path):
        original = session()
        copy = shutil.copytree(original, tmp_path / "elsewhere" / "any-name")
        shutil.rmtree(original)
        assert rows(read_sessions([str(copy)])) == (2, 2, 1)

    def test_a_session_counts_once_however_often_it_is_named(self, session, tmp_path):
        folder = session()
        (tmp_path / "link").symlink_to(folder)
        named = [folder, f"{folder}/", tmp_path, folder.as_uri(), tmp_path / "link"]
        assert rows(read_sessions([str(path) for path in named])) == (2, 2, 1)

    def test_of_two_copies_the_one_with_more_runs_counts(self, session, tmp_path):
        early = session("s1", runs=1, under=tmp_path / "early")
        late = session("s1", runs=3, under=tmp_path / "late")
        assert rows(read_sessions([str(early), str(late)])) == (3, 3, 1)
        assert rows(read_sessions([str(late), str(early)])) == (3, 3, 1)

    @pytest.mark.parametrize("status", ["cancelled", "lost", "infeasible"])
    def test_of_two_copies_with_as_many_the_one_that_was_resumed_counts(self, tmp_path, content, status):
        for name, told in (("a", status), ("b", "ok"), ("c", status)):
            made = content(2)
            made.runs[1]["status"] = told
            (tmp_path / name).mkdir()
            write_tables(tmp_path / name, [made])
        assert read_sessions([str(tmp_path)]).runs["status"].to_pylist() == ["ok", "ok"]

    def test_a_column_that_an_older_table_lacks_is_null(self, session):
        old, new = session("s1"), session("s2")
        path = old / "runs.parquet"
        pq.write_table(pq.read_table(path).drop_columns(["label_smoothing"]), path)
        expected = [None, None, 0.0, 0.0]
        assert read_sessions([str(old), str(new)]).runs.column("label_smoothing").to_pylist() == expected
        assert read_sessions([str(old)]).runs.column("label_smoothing").to_pylist() == [None, None]

    def test_columns_of_another_type_do_not_fit(self, session, refused):
        path = session() / "runs.parquet"
        table = pq.read_table(path)
        wrong = table.set_column(
            table.schema.get_field_index("round"), "round", pa.array(["one", "two"], pa.string())
        )
        pq.write_table(wrong, path)
        assert refused(path.parent).startswith(f"{path}: round cannot be read as int64 (")

    def test_a_uri_serves_as_a_path(self, session):
        assert rows(read_sessions([session().as_uri()])) == (2, 2, 1)

    def test_a_session_without_runs(self, session):
        assert rows(read_sessions([str(session(runs=0))])) == (0, 0, 1)


class TestJournal:
    def test_a_session_without_tables_yet_is_read_from_its_journal(self, tmp_path, journal):
        journal(tmp_path / "s1", runs=3)
        assert rows(read_sessions([str(tmp_path / "s1")])) == (3, 3, 1)
        assert rows(read_sessions([(tmp_path / "s1").as_uri()])) == (3, 3, 1)

    def test_a_journal_of_more_runs_goes_before_the_tables(self, session, journal):
        folder = session(runs=2)
        journal(folder, runs=3)
        assert rows(read_sessions([str(folder)])) == (3, 3, 1)

    @pytest.mark.parametrize("newer", ["journal", "tables"])
    def test_times_of_files_do_not_matter(self, session, journal, newer):
        """A copy gives its files any times."""
        folder = session(runs=2)
        journal(folder, runs=3)
        os.utime(folder / FILE_NAME, (1, 2 if newer == "journal" else 1))
        os.utime(folder / "runs.parquet", (1, 1 if newer == "journal" else 2))
        assert rows(read_sessions([str(folder)])) == (3, 3, 1)

    def test_the_journal_of_a_session_that_ended_is_not_read(self, session, journal, monkeypatch):
        folder = session(runs=2)
        journal(folder, runs=2, closed=True)

        def fail(*_arguments):
            raise AssertionError("the whole journal was read")

        monkeypatch.setattr(older, "read_pieces", fail)
        assert rows(read_sessions([str(folder)])) == (2, 2, 1)

    def test_tables_older_than_the_ended_journal_are_not_used(self, session, journal):
        folder = session(runs=1)
        journal(folder, runs=2, closed=True)
        assert rows(read_sessions([str(folder)])) == (2, 2, 1)

    def test_tables_that_hold_all_of_the_journal_are_used(self, session, journal):
        """Columns that only the tables have are kept, as after a session killed behind its last run."""
        folder = session(runs=2)
        journal(folder, runs=2)
        path = folder / "runs.parquet"
        pq.write_table(pq.read_table(path).append_column("note", pa.array(["a", "b"])), path)
        assert read_sessions([str(folder)]).runs.column("note").to_pylist() == ["a", "b"]

    def test_a_line_cut_short_costs_that_run_alone(self, tmp_path, journal):
        journal(tmp_path / "s1", runs=3)
        path = tmp_path / "s1" / FILE_NAME
        path.write_bytes(path.read_bytes()[:-20])
        assert rows(read_sessions([str(tmp_path)])) == (2, 2, 1)

    def test_a_session_that_has_just_begun_has_no_rows(self, tmp_path):
        Journal(tmp_path / "s1").__exit__()
        assert rows(read_sessions([str(tmp_path / "s1")])) == (0, 0, 0)

    def test_a_broken_line_is_told_and_costs_no_other(self, tmp_path, journal):
        journal(tmp_path / "s1", runs=3)
        path = tmp_path / "s1" / FILE_NAME
        path.write_bytes(path.read_bytes().replace(b'"kind": "run"', b'"kind": "ru\x00"', 1))
        tables = read_sessions([str(tmp_path)])
        assert rows(tables) == (2, 2, 1)
        assert tables.notes == (
            f"{path}:3: damaged, left out; `bench run --resume` runs again what was in it",
        )

    def test_a_column_to_come_is_told(self, tmp_path, run, refused):
        row, epochs = run(column_to_come=1)
        with Journal(tmp_path / "s1") as file:
            file.append("run", row=row, epochs=epochs)
        assert refused(tmp_path).endswith("; upgrade bench")

    def test_a_value_that_no_column_holds_is_told(self, tmp_path, run, refused):
        row, epochs = run(round="one")
        with Journal(tmp_path / "s1") as file:
            file.append("run", row=row, epochs=epochs)
        assert refused(tmp_path).endswith("; upgrade bench")

    @pytest.mark.parametrize("version", [None, "1", [], True, 0, 1.5])
    def test_a_version_that_is_none_is_told(self, tmp_path, refused, version):
        with Journal(tmp_path / "s1") as file:
            file.append("session", session_id="s1", schema_version=version)
        assert refused(tmp_path) == (
            f"{tmp_path / 's1' / FILE_NAME}: names no schema version; give a session that bench wrote"
        )

    def test_a_schema_to_come_is_told(self, tmp_path, refused):
        with Journal(tmp_path / "s1") as file:
            file.append("session", session_id="s1", schema_version=99)
        assert refused(tmp_path) == (
            f"{tmp_path / 's1' / FILE_NAME}: schema version 99, this bench reads up to 2; upgrade bench"
        )


class TestDamage:
    """What can be read is, and what cannot is named."""

    @pytest.fixture
    def damage(self):
        def damage(path):
            path.write_bytes(path.read_bytes()[:-50])

        return damage

    @pytest.mark.parametrize("name", ["runs", "epochs", "machines"])
    def test_a_damaged_table_is_read_from_the_whole_journal(self, session, journal, damage, name):
        folder = session(runs=2)
        journal(folder, runs=2, closed=True)
        damage(folder / f"{name}.parquet")
        tables = read_sessions([str(folder)])
        assert rows(tables) == (2, 2, 1)
        (note,) = tables.notes
        assert note.startswith(f"{folder / f'{name}.parquet'}: cannot be read: ")
        assert note.endswith(
            "; copy it again; the journal was read in its place, `bench check --repair` makes it anew"
        )

    def test_a_missing_table_is_read_from_the_whole_journal(self, session, journal):
        folder = session(runs=2)
        journal(folder, runs=2)
        (folder / "epochs.parquet").unlink()
        tables = read_sessions([str(folder)])
        assert rows(tables) == (2, 2, 1)
        assert tables.notes[0].startswith(f"{folder / 'epochs.parquet'}: missing; ")

    def test_what_a_damaged_journal_lacks_the_tables_may_have(self, session, journal):
        folder = session(runs=2)
        journal(folder, runs=3)
        path = folder / FILE_NAME
        path.write_bytes(path.read_bytes().replace(b'"kind": "run"', b'"kind": "ru\x00"', 1))
        tables = read_sessions([str(folder)])
        assert rows(tables) == (3, 3, 1)
        assert sorted(tables.runs["round"].to_pylist()) == [1, 2, 3]
        (note,) = tables.notes
        assert note.startswith(f"{path}:3: damaged, left out")

    @pytest.mark.parametrize(("earlier", "kept"), [("lost", 2), ("failed", 2), ("ok", 1)])
    def test_of_a_run_that_was_tried_again_the_end_counts_that_is_left(
        self, tmp_path, content, run, earlier, kept
    ):
        """In the journal its second attempt is damaged, and the tables have it."""
        table = content(2)
        second = "ok" if kept == 2 else "lost"
        table.runs[1] |= {"attempt": 2, "status": second}
        table.epochs[1]["epoch"] = 2
        write_tables(tmp_path, [table])
        row, epochs = run(number=2, status=earlier)
        with Journal(tmp_path) as file:
            file.append("session", **table.header)
            file.append("run", row=table.runs[0], epochs=table.epochs[:1])
            file.append("run", row=row, epochs=epochs)
            file.append("run", row=table.runs[1], epochs=table.epochs[1:])
        path = tmp_path / FILE_NAME
        path.write_bytes(path.read_bytes().replace(b'"attempt": 2', b'"attempt": 4'))
        tables = read_sessions([str(tmp_path)])
        found = {row["round"]: (row["attempt"], row["status"]) for row in tables.runs.to_pylist()}
        assert found == {1: (1, "ok"), 2: (kept, "ok")}
        assert sorted(tables.epochs["epoch"].to_pylist()) == [1, kept]
        assert tables.notes[0].startswith(f"{path}:4: damaged, left out")

    def test_of_tables_and_journal_both_damaged_the_tables_are_told(self, session, journal, damage, refused):
        folder = session(runs=2)
        journal(folder, runs=2)
        damage(folder / "runs.parquet")
        (folder / FILE_NAME).write_bytes(b"nonsense\n")
        assert refused(folder).startswith(f"{folder / 'runs.parquet'}: cannot be read: ")

    def test_one_damaged_session_does_not_refuse_the_others(self, session, damage, tmp_path):
        session("s1", runs=2)
        damage(session("s2") / "runs.parquet")
        session("s3", runs=1)
        tables = read_sessions([str(tmp_path)])
        assert set(tables.runs.column("session_id").to_pylist()) == {"s1", "s3"}
        (note,) = tables.notes
        assert note.startswith(f"left out: {tmp_path / 's2' / 'runs.parquet'}: cannot be read: ")

    def test_where_nothing_is_left_the_first_is_told(self, session, damage, tmp_path, refused):
        damage(session("s1") / "runs.parquet")
        damage(session("s2") / "epochs.parquet")
        line = refused(tmp_path)
        assert line.startswith(f"{tmp_path / 's1' / 'runs.parquet'}: cannot be read: ")
        assert line.endswith("; copy it again (nor can 1 more)")

    def test_a_file_that_this_user_may_not_read_need_not_be_copied_again(self, session, monkeypatch, refused):
        folder = session()
        opened = folders.Local.open

        def refuse(place, name):
            if name == "runs.parquet":
                raise PermissionError(13, "Permission denied")
            return opened(place, name)

        monkeypatch.setattr(folders.Local, "open", refuse)
        assert refused(folder) == (
            f"{folder / 'runs.parquet'}: may not be read; ask its owner to allow it, or read as another user"
        )

    def test_values_that_cannot_be_are_named_and_a_copy_without_them_is_preferred(self, content, tmp_path):
        for name, seconds in (("a", -1.0), ("b", 0.001)):
            made = content(2)
            made.runs[1]["step_seconds"] = seconds
            (tmp_path / name).mkdir()
            write_tables(tmp_path / name, [made])
        doctored = read_sessions([str(tmp_path / "a")])
        assert doctored.runs.column("step_seconds").to_pylist() == [0.001, None]
        assert doctored.notes == (
            f"{tmp_path}/a/runs.parquet: values that cannot be count as missing: step_seconds in 1 row",
        )
        both = read_sessions([str(tmp_path)])
        assert (both.runs.column("step_seconds").to_pylist(), both.notes) == ([0.001, 0.001], ())


class TestErrors:
    def test_a_missing_folder(self, tmp_path, refused):
        assert refused(tmp_path / "none") == (
            f"{tmp_path / 'none'}: no such folder; give a session's folder, or one that holds sessions"
        )

    def test_a_file_in_place_of_a_folder(self, session, refused):
        assert "runs.parquet: no such folder; give" in refused(session() / "runs.parquet")

    def test_an_empty_folder(self, tmp_path, refused):
        assert refused(tmp_path) == f"{tmp_path}: holds no session; `bench run SUITE` makes one"

    @pytest.mark.parametrize(
        "data", [b"", b"PAR1", b"no Parquet at all, but some longer text", b"PAR1xxxxPAR1"]
    )
    def test_a_table_that_is_no_parquet(self, session, refused, data):
        path = session() / "runs.parquet"
        path.write_bytes(data)
        line = refused(path.parent)
        assert line.startswith(f"{path}: cannot be read: ")
        assert line.endswith("; copy it again")

    def test_a_table_cut_short(self, session, refused):
        path = session() / "epochs.parquet"
        path.write_bytes(path.read_bytes()[:-50])
        assert refused(path.parent).startswith(f"{path}: cannot be read: ")

    def test_somebody_else_s_parquet(self, session, refused):
        path = session() / "runs.parquet"
        pq.write_table(pa.table({"x": [1]}), path)
        assert refused(path.parent) == (
            f"{path}: a Parquet file, but not a table of bench; give a folder that bench wrote"
        )

    def test_a_missing_table(self, session, refused):
        path = session() / "machines.parquet"
        path.unlink()
        assert refused(path.parent) == f"{path}: missing; copy the session's folder whole"

    @pytest.mark.parametrize("version", ["0", "-1", "x", "9" * 5000, "1.0", ""])
    def test_a_version_that_is_none(self, session, refused, version):
        path = session() / "runs.parquet"
        table = pq.read_table(path).replace_schema_metadata({"bench_schema_version": version})
        pq.write_table(table, path)
        assert refused(path.parent).startswith(f"{path}: ")

    def test_a_schema_to_come(self, session, refused):
        path = session() / "runs.parquet"
        table = pq.read_table(path).replace_schema_metadata({"bench_schema_version": "2"})
        pq.write_table(table, path)
        assert refused(path.parent) == f"{path}: schema version 2, this bench reads up to 1; upgrade bench"

    @pytest.mark.parametrize(
        ("uri", "reason"),
        [
            (
                "nope://bucket/results",
                "nope:// cannot be read; copy it here, or give one of file://, s3",
            ),
            ("hf://datasets/results", "hf:// cannot be read; copy it here, or give one of file://, s3"),
            ("file://results", "not a path on this machine; write file:///PATH, or the path alone"),
        ],
    )
    def test_a_uri_that_leads_nowhere(self, refused, uri, reason):
        assert refused(uri).startswith(f"{uri}: {reason}")
