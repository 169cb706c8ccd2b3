"""Which `ptxas` XLA would start: scripts that answer like it, in the places where XLA looks."""

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from bench.machine import cuda
from bench.machine.cuda import Ptxas, prefer_wheel, ptxas

SAYS = "Cuda compilation tools, release {release}, V{version}"


@pytest.fixture
def put(tmp_path):
    """Call with a folder and a version; puts a `ptxas` of that version there and gives its folder."""

    def make(folder, version="12.9.86", script="echo '{says}'"):
        path = tmp_path / folder / "ptxas"
        path.parent.mkdir(parents=True, exist_ok=True)
        says = SAYS.format(release=version.rpartition(".")[0], version=version)
        path.write_text("#!/bin/sh\n" + script.format(says=says) + "\n")
        path.chmod(0o755)
        return path.parent

    return make


@pytest.fixture(autouse=True)
def nothing_else_installed(tmp_path, monkeypatch):
    """No toolkit but what a test puts there; the packages of `nvidia` are below `packages`."""
    spec = SimpleNamespace(submodule_search_locations=[str(tmp_path / "packages")])
    monkeypatch.setattr(cuda, "find_spec", lambda name: spec if name == "nvidia" else None)
    monkeypatch.setattr(cuda, "_ROOTS", (tmp_path / "cuda",))


WHEEL = "packages/cuda_nvcc/bin"


def test_without_one_there_is_none(tmp_path):
    assert ptxas({"PATH": str(tmp_path)}) is None


def test_the_wheels_comes_before_what_is_installed(put):
    wheel, installed = put(WHEEL), put("usr/bin", "12.4.99")
    put("cuda/bin", "12.2.1")
    environ = {"PATH": str(installed)}
    assert ptxas(environ) == Ptxas(str(wheel / "ptxas"), "12.9.86")


def test_a_folder_named_in_xlas_flags_comes_first(put):
    put(WHEEL)
    named = put("mine/bin", "12.8.61")
    flags = f"--xla_dump_to=/tmp/x --xla_gpu_cuda_data_dir={named.parent}"
    assert ptxas({"PATH": "", "XLA_FLAGS": flags}) == Ptxas(str(named / "ptxas"), "12.8.61")


def test_without_the_wheel_path_comes_before_the_toolkits_own_places(put):
    in_path, home, place = put("usr/bin", "12.4.99"), put("home/bin", "12.5.0"), put("cuda/bin", "12.2.1")
    home_set = {"CUDA_HOME": str(home.parent)}
    assert ptxas({"PATH": str(in_path), **home_set}).version == "12.4.99"
    assert ptxas({"PATH": "", **home_set}).version == "12.5.0"
    assert ptxas({"PATH": ""}) == Ptxas(str(place / "ptxas"), "12.2.1")


@pytest.mark.parametrize(
    "unfit",
    [{"version": "11.7.64"}, {"version": "12.3.103"}, {"script": "exit 1"}, {"script": "echo something"}],
)
def test_what_xla_refuses_is_passed_over(put, unfit):
    path = os.pathsep.join([str(put("first", **unfit)), str(put("second", "12.4.99"))])
    assert ptxas({"PATH": path}).version == "12.4.99"


def test_one_that_does_not_answer_is_given_up(put, monkeypatch):
    monkeypatch.setattr(cuda, "_TIMEOUT_SECONDS", 0.05)
    hanging = put("first", script="exec sleep 60")
    assert ptxas({"PATH": str(hanging)}) is None


def test_one_is_asked_once(put, tmp_path):
    folder = put("first", script=f"echo asked >> {tmp_path}/asked; echo '{{says}}'")
    assert ptxas({"PATH": str(folder)}) == ptxas({"PATH": str(folder)})
    assert (tmp_path / "asked").read_text() == "asked\n"


def test_the_wheels_is_put_first_in_path_once(put):
    wheel, environ = put(WHEEL), {"PATH": "/usr/local/bin:/usr/bin"}
    prefer_wheel(environ)
    prefer_wheel(environ)
    assert environ["PATH"] == f"{wheel}:/usr/local/bin:/usr/bin"


def test_where_path_is_empty_only_the_wheels_is_in_it(put):
    wheel, environ = put(WHEEL), {}
    prefer_wheel(environ)
    assert environ["PATH"] == str(wheel)


def test_without_the_wheel_path_stays_as_it_is(monkeypatch):
    environ = {"PATH": "/usr/bin"}
    prefer_wheel(environ)
    monkeypatch.setattr(cuda, "find_spec", lambda _: None)
    prefer_wheel(environ)
    assert environ == {"PATH": "/usr/bin"}


def test_the_successor_of_the_wheel_is_found_where_it_puts_its_own(put):
    assert ptxas({"PATH": ""}) is None
    newer = put("packages/cu13/bin", "13.0.48")
    assert ptxas({"PATH": ""}) == Ptxas(str(newer / "ptxas"), "13.0.48")
    older = put(WHEEL)
    assert Path(ptxas({"PATH": ""}).path).parent == older
