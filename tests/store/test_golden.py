"""Commands print of sessions that are there what they printed before there were segments and manifests."""

import pytest

from tests.commands import bench
from tests.store.generate import FORMS, generate
from tests.store.golden import CASES, ROOT, SHAPE, arguments_of, differences, normal

OF_GENERATED = [name for name, arguments in CASES.items() if "GENERATED" in " ".join(arguments)]


@pytest.fixture(scope="module")
def generated(tmp_path_factory):
    """The folder of generated sessions of each form."""
    folders = {form: tmp_path_factory.mktemp(form) / "sessions" for form in FORMS}
    for form, folder in folders.items():
        generate(folder, SHAPE, form)
    return folders


def check(name, generated, reordered=False):
    said = bench(*arguments_of(name, generated))
    assert (said.status, said.error) == (0, "")
    assert not differences(name, normal(name, said.output, generated), reordered)


@pytest.mark.parametrize("name", OF_GENERATED)
def test_of_sessions_as_they_once_were_written(name, generated, monkeypatch):
    monkeypatch.chdir(ROOT)
    check(name, generated["old"])


@pytest.mark.parametrize("name", [name for name in OF_GENERATED if name.endswith("json")])
def test_of_sessions_as_they_are_written(name, generated, monkeypatch):
    """Their tables are sorted by scenario: what is in the order of the runs, such as pairs, is in that."""
    monkeypatch.chdir(ROOT)
    check(name, generated["new"], reordered=name.startswith("compare"))


@pytest.mark.parametrize("name", [name for name in CASES if name not in OF_GENERATED])
def test_of_sessions_that_come_with_bench(name, monkeypatch):
    monkeypatch.chdir(ROOT)
    check(name, generated=None)
