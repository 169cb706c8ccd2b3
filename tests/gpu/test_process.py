import pytest

from tests.gpu.process import Process, ProcessError, child_environment


@pytest.fixture
def process(tmp_path):
    with Process(tmp_path / "log.txt") as process:
        yield process


def test_it_does_one_thing_after_another(process):
    assert process.call("builtins.dict", 30, one=1) == {"one": 1}
    assert process.call("os.getpid", 30) == process.pid


def test_what_a_function_prints_is_no_answer(process, tmp_path):
    assert process.call("builtins.print", 30, end="said\n") is None
    assert process.call("os.getpid", 30) == process.pid
    process.close()
    assert "said" in (tmp_path / "log.txt").read_text()


def test_an_error_is_told_and_the_process_lives_on(process):
    with pytest.raises(ProcessError, match="ModuleNotFoundError: No module named 'nowhere'"):
        process.call("nowhere.nothing", 30)
    assert process.call("os.getpid", 30) == process.pid


def test_one_that_dies_says_what_it_said_last(process):
    process.call("logging.warning", 30, msg="the last word")
    with pytest.raises(ProcessError, match=r"(?s)ended with status -6.*the last word"):
        process.call("os.abort", 30)
    assert not process.alive


def test_one_that_takes_too_long_is_ended(process):
    process.call("os.getpid", 30)
    with pytest.raises(ProcessError, match="no answer in 0 s"):
        process.call("signal.pause", 0.2)
    assert not process.alive


def test_a_path_of_its_own_takes_the_place_of_this_one(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "/some/where")
    assert child_environment()["PYTHONPATH"].endswith(":/some/where")
    alone = child_environment("", XLA_FLAGS="--x")
    assert not alone["PYTHONPATH"].endswith("where")
    assert alone["XLA_FLAGS"] == "--x"
