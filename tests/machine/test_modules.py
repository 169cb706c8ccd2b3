from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import bench
from bench.errors import BenchError
from bench.machine import modules
from bench.machine.modules import check_same_bench, imported, sources

FOLDER = Path(bench.__file__).parent


def test_a_module_is_told_by_its_name_its_version_and_its_folder():
    numpy_folder = Path(np.__file__).resolve().parent
    assert imported(["bench", "numpy"]) == (
        f"bench {bench.__version__} {FOLDER.resolve()}",
        f"numpy {np.__version__} {numpy_folder}",
    )


def test_a_module_that_is_not_imported_is_not_told(monkeypatch):
    monkeypatch.delitem(modules.sys.modules, "keras", raising=False)
    assert imported(["keras", "bench"]) == imported(["bench"])


def test_a_module_of_one_file_and_one_without_any(monkeypatch):
    one, none = ModuleType("one"), ModuleType("none")
    one.__file__ = "/folder/one.py"
    monkeypatch.setitem(modules.sys.modules, "one", one)
    monkeypatch.setitem(modules.sys.modules, "none", none)
    assert imported(["one", "none"]) == ("one /folder/one.py", "none ?")


def test_every_source_file_of_bench_has_a_hash():
    assert set(sources()) == {file.relative_to(FOLDER).as_posix() for file in FOLDER.rglob("*.py")}


def test_the_same_bench_is_no_error():
    check_same_bench(dict(sources()))
    check_same_bench({**sources(), "only/on/the/command's/side.py": "0"})


def test_another_bench_is_named_in_one_line(tmp_path, monkeypatch):
    (tmp_path / "a.py").write_text("1\n")
    (tmp_path / "b.py").write_text("2\n")
    there = sources(tmp_path)
    monkeypatch.setattr(modules, "sources", lambda: there)
    with pytest.raises(BenchError) as raised:
        check_same_bench({**there, "a.py": "another"})
    assert str(raised.value) == (
        f"its process imported another bench than the command has: bench {bench.__version__} "
        f"{FOLDER.resolve()} differs in a.py; leave bench as it is while it runs"
    )
    with pytest.raises(BenchError, match=r"differs in a\.py and 1 more files; "):
        check_same_bench({})
