"""Signals that end a command, each in a process of its own: where they are taken, held, and end it."""

import signal
import subprocess
import sys

import pytest

from bench.orchestration import signals

ENDING = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
SCRIPT = """
import ctypes, os, signal, sys, threading, traceback
from bench.orchestration import signals
from bench.orchestration.signals import abandoned, at_last, held, heeded, take_pending

def send(number=signal.SIGTERM):
    os.kill(os.getpid(), number)

def wait_until_pending():
    while not signals._state.pending:
        pass

signals.listen()
"""
WAIT = "threading.Event().wait()"
HANG = "ctypes.CDLL(None).sleep(60)"  # C code that no signal handler of Python's interrupts
LINE = "bench: interrupted; every finished run is kept\n"


@pytest.fixture
def run():
    """Runs a script in a process that listens; gives its exit status, output and errors."""

    def run(*lines, ignored=()):
        def ignore():
            for number in ENDING:
                signal.signal(number, signal.SIG_IGN if number in ignored else signal.SIG_DFL)

        line = [sys.executable, "-c", SCRIPT + "\n".join(lines)]
        ended = subprocess.run(
            line, capture_output=True, text=True, timeout=60, preexec_fn=ignore, check=False
        )
        return ended.returncode, ended.stdout, ended.stderr

    return run


@pytest.mark.parametrize("number", ENDING)
def test_each_of_them_interrupts_the_main_thread(run, number):
    wait = f"    threading.Timer(0, send, [{int(number)}]).start(); {WAIT}"
    assert run("try:", wait, "except KeyboardInterrupt: print('interrupted')") == (0, "interrupted\n", "")


def test_what_is_held_is_raised_when_the_outermost_block_has_ended(run):
    status, output, _ = run(
        "try:",
        "    with held():",
        "        with held(): send(); wait_until_pending(); print('inner')",
        "        print('outer')",
        "    print('never')",
        "except KeyboardInterrupt: print('interrupted')",
    )
    assert (status, output) == (0, "inner\nouter\ninterrupted\n")


def test_what_is_held_is_heeded_where_it_does_no_harm(run):
    status, output, _ = run(
        "with held():",
        "    send(); wait_until_pending()",
        "    try:",
        "        with heeded(): print('never')",
        "    except KeyboardInterrupt: print('interrupted')",
        "    send(); wait_until_pending(); print('held')",
        "    print(take_pending(), take_pending())",
    )
    assert (status, output) == (0, "interrupted\nheld\nTrue False\n")


def test_further_ones_do_not_cut_short_what_the_first_one_unwinds(run):
    status, output, _ = run(
        "try:",
        f"    try: send(); {WAIT}",
        "    finally:",
        "        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP) * 3: send(number)",
        "        wait_until_pending(); print('tidied up')",
        "except KeyboardInterrupt: print('interrupted')",
    )
    assert (status, output) == (0, "tidied up\ninterrupted\n")


@pytest.mark.parametrize(
    "sent", ["send(); wait_until_pending()", "threading.Timer(0, send).start()"], ids=["before", "within"]
)
def test_an_abandoned_process_ends_where_it_is(run, sent):
    status, output, errors = run(
        "with held():",
        f"    {sent}",
        "    with at_last(lambda: print('at last', flush=True)), abandoned(60, 'late'):",
        f"        {HANG}",
    )
    assert (status, output, errors) == (130, "at last\n", LINE)


def test_what_is_abandoned_too_long_ends_with_what_was_to_be_said(run):
    assert run("with abandoned(0.01, 'it is late'):", f"    {HANG}") == (2, "", "bench: it is late\n")


@pytest.mark.parametrize(
    "goes_on",
    [
        "with abandoned(60, 'late'): send(); begun.wait(); raise ConnectionError('it failed')",
        "with held(): send(); leave(); begun.wait(); signals.deafen(); print('never')",
    ],
    ids=["fails", "ends"],
)
def test_a_process_that_is_left_ends_once_whatever_its_main_thread_does_meanwhile(run, goes_on):
    """The acts may take long, and hold interrupts in their turn while one waits."""
    status, output, errors = run(
        "begun = threading.Event()",
        "def leave(): threading.Thread(target=signals.leave, daemon=True).start()",
        "def stands_still():",
        "    frame = sys._current_frames()[threading.main_thread().ident]",
        "    return '_stand_still' in [each.f_code.co_name for each, _ in traceback.walk_stack(frame)]",
        "def act():",
        "    with held(): print('at last', flush=True)",
        "    begun.set()",
        "    while not stands_still(): pass",
        f"with at_last(act):\n    {goes_on}",
    )
    assert (status, output, errors) == (130, "at last\n", LINE)


def test_one_that_comes_after_long_standstill_ends_a_process_that_hangs(run):
    status, output, errors = run(
        "signals._PATIENCE_SECONDS = 0.0",
        "def nag():",
        "    while True: send(); signals.time.sleep(0.01)",
        "library, mutex = ctypes.CDLL(None), ctypes.create_string_buffer(64)",
        "library.pthread_mutex_lock(mutex)",
        "with held(): threading.Thread(target=nag, daemon=True).start(); library.pthread_mutex_lock(mutex)",
    )
    assert (status, output, errors) == (130, "", LINE)


def test_however_many_come_a_process_that_gets_on_is_let_finish(run):
    """Each time the main thread is elsewhere."""
    step = "    send(); wait_until_pending(); take_pending()"
    script = ["signals._PATIENCE_SECONDS = 0.0", "with held():", *[step] * 20, "print('finished')"]
    assert run(*script) == (0, "finished\n", "")


def test_who_computes_or_moves_gets_on_and_who_waits_does_not(monkeypatch):
    """Such as in C++ code that writes a table, in Python, and in C++ code that hangs."""

    def steps():
        yield
        yield

    thread = steps()
    next(thread)
    computed = iter([7.1, 7.9, 8.0, 8.1])
    monkeypatch.setattr(signals.sys, "_current_frames", lambda: {1: thread.gi_frame})
    monkeypatch.setattr(signals.time, "pthread_getcpuclockid", lambda _thread: None)
    monkeypatch.setattr(signals.time, "clock_gettime", lambda _clock: next(computed))
    first, waited, computes = (signals._whereabouts(1) for _ in range(3))
    next(thread)
    assert first == waited
    assert waited != computes
    assert computes != signals._whereabouts(1)


def test_one_that_a_destructor_swallowed_is_raised_again(run):
    status, output, errors = run(
        "class Swallows:",
        "    def __del__(self): send(); threading.Event().wait()",
        "try:",
        "    Swallows()",
        f"    {WAIT}",
        "except KeyboardInterrupt: print('interrupted')",
    )
    assert (status, output, errors) == (0, "interrupted\n", "")


def test_after_one_that_a_library_swallowed_the_next_is_raised(run):
    status, output, _ = run(
        "for _ in range(2):",
        f"    try: send(); {WAIT}",
        "    except BaseException as error: print(type(error).__name__)",
        "print('on')",
    )
    assert (status, output) == (0, "KeyboardInterrupt\nKeyboardInterrupt\non\n")


def test_a_system_without_timed_waits_takes_each_of_them_as_well(run):
    """Such as macOS."""
    status, output, _ = run(
        "del signal.sigtimedwait, signals.time.pthread_getcpuclockid",
        "for _ in range(2):",
        f"    try: send(); {WAIT}",
        "    except KeyboardInterrupt: print('interrupted')",
    )
    assert (status, output) == (0, "interrupted\ninterrupted\n")


def test_what_comes_while_a_process_becomes_another_program_is_for_that_one(run):
    told = f"try: signals.listen(); {WAIT}\nexcept KeyboardInterrupt: print('interrupted')"
    program = SCRIPT.removesuffix("signals.listen()\n") + told
    becomes = f"os.execv(sys.executable, [sys.executable, '-c', {program!r}])"
    assert run("signals.hand_over(); send()", becomes) == (0, "interrupted\n", "")


def test_what_came_before_keeps_a_process_from_becoming_another_program(run):
    status, output, _ = run(
        "try:",
        "    with held():",
        "        send(); wait_until_pending(); signals._state.mode = 'heeded'",
        "        signals.hand_over(); print('never')",
        "except KeyboardInterrupt: print('interrupted')",
    )
    assert (status, output) == (0, "interrupted\n")


@pytest.mark.parametrize("earlier", [0, 1])
def test_who_has_handed_over_hears_of_none_any_more(run, earlier):
    """A receiver that has had one waits otherwise, and ends as well."""
    status, output, errors = run(
        "with held():",
        f"    for _ in range({earlier}): send(); wait_until_pending(); take_pending()",
        "    signals.hand_over(); send()",
        "    print(signal.SIGTERM in signal.sigpending(), signals._state.pending, threading.active_count())",
        "    sys.stdout.flush(); os._exit(0)",
    )
    assert (status, output, errors) == (0, "True False 1\n", "")


def test_what_is_ignored_stays_so(run):
    """As nohup asks for."""
    script = ("send(signal.SIGHUP); send(signal.SIGINT)", "print(signal.getsignal(signal.SIGHUP).name)")
    assert run(*script, ignored=[signal.SIGHUP, signal.SIGINT]) == (0, "SIG_IGN\n", "")
