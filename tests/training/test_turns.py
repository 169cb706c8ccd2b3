"""What a loop that is timed is compiled to, and how its turns are counted."""

import re

import pytest

pytestmark = pytest.mark.slow

PRODUCT = re.compile(r" (?:dot|custom-call)\(")
TRIPS = re.compile(r'known_trip_count":\{"n":"(\d+)"')


@pytest.fixture(scope="module")
def turns(tf):  # noqa: ARG001 -- TensorFlow has to be there
    from bench.training import turns

    return turns


@pytest.fixture
def compiled(turns, tf):
    """Call with a body, its first state and a chunk; gives the optimised program and its loops' bodies."""

    def make(body, start, chunk=None):
        loop = turns.looped(body, chunk or turns.ONE)
        hlo = loop.experimental_get_compiler_ir(start, tf.constant(3))("optimized_hlo")
        return hlo, of_loops(hlo)

    return make


def of_loops(hlo):
    """The text of the computations that are bodies of loops, with those that they call."""
    computations = dict(re.findall(r"^(?:ENTRY )?%(\S+) [^\n]*\{\n(.*?)^\}", hlo, re.MULTILINE | re.DOTALL))
    wanted, seen = re.findall(r"body=%([\w.\-]+)", hlo), []
    while wanted:
        seen.append(wanted.pop())
        wanted += re.findall(r"(?:calls|to_apply)=%([\w.\-]+)", computations[seen[-1]])
    return "".join(computations[name] for name in seen)


@pytest.fixture
def square(tf):
    return tf.ones((64, 64))


class TestProgram:
    def test_the_trips_of_a_chunk_are_known_to_the_compiler(self, turns, compiled, square):
        hlo, loops = compiled(lambda a: (a @ a,), (square,), turns.Chunk(trips=5, bodies=3))
        assert TRIPS.findall(hlo) == ["5"]
        assert len(PRODUCT.findall(loops)) == 3

    def test_a_chunk_of_one_turn_is_no_loop_of_its_own(self, compiled, square):
        hlo, loops = compiled(lambda a: (a @ a,), (square,))
        assert hlo.count(" while(") == 1
        assert TRIPS.findall(hlo) == []
        assert len(PRODUCT.findall(loops)) == 1

    def test_the_products_of_the_smallest_chain_are_all_there(self, tf, compiled):
        from bench.training.probe import SMALL_CHAIN

        hlo, loops = compiled(lambda a: (a @ a,), (tf.zeros((8, 8)),), SMALL_CHAIN)
        assert TRIPS.findall(hlo) == [str(SMALL_CHAIN.trips)]
        assert len(PRODUCT.findall(loops)) == SMALL_CHAIN.bodies

    @pytest.mark.parametrize("size", [1, 3])
    def test_no_compiler_moves_the_product_out_of_the_loop(self, turns, compiled, square, size):
        # Of a loop-invariant product XLA keeps none in the loop's body, which would then measure nothing.
        from bench.training.probe import _product

        chunk = turns.Chunk(trips=size, bodies=size)
        _, loops = compiled(_product(square), (square, square), chunk)
        assert len(PRODUCT.findall(loops)) == size
        _, loops = compiled(lambda c: (c + square @ square,), (square,), chunk)
        assert not PRODUCT.search(loops)

    @pytest.mark.parametrize("size", [1, 3])
    def test_a_turn_copies_no_matrix(self, turns, compiled, square, size):
        from bench.training.probe import _product

        turn, chunk = _product(square), turns.Chunk(trips=size, bodies=size)
        _, loops = compiled(turn, (square, square), chunk)
        assert not copies(loops)
        # Of what the loop does not carry, each turn needs a copy to write in.
        _, loops = compiled(lambda c: turn(square, c)[1:], (square,), chunk)
        assert copies(loops)

    def test_a_bandwidth_s_turn_moves_no_more_than_it_counts(self, tf, compiled):
        x = tf.ones(2**16)
        _, loops = compiled(lambda y: (x + 0.5 * y,), (x,))
        assert not copies(loops)


def copies(loops):
    """Copies of a matrix or a vector that the loops make; one of a counter is none."""
    return [shape for shape in re.findall(r"= (\w+\[[\d,]*\])\S* copy\(", loops) if not shape.endswith("[]")]


class Call:
    """A compiled loop on a clock of its own; one call in `every` is held up from outside."""

    LAUNCH, TURN, HELD_UP = 1e-4, 1e-6, 0.05

    def __init__(self, every):
        self.now, self.calls, self.every = 0.0, 0, every

    def __call__(self, _, turns):
        self.calls += 1
        held_up = self.HELD_UP if self.calls % self.every == 0 else 0.0
        self.now += self.LAUNCH + int(turns) * self.TURN + held_up

    def perf_counter_ns(self):
        return round(self.now * 1e9)


class TestCount:
    @pytest.fixture
    def call(self, turns, monkeypatch):
        """Call with how often a call is held up; a clock that only the calls move is set."""

        def make(every=1000):
            call = Call(every)
            monkeypatch.setattr(turns, "time", call)
            monkeypatch.setattr(turns, "_wait", lambda _: None)
            return call

        return make

    @pytest.mark.parametrize("every", [2, 3, 1000])
    def test_a_loop_is_turned_until_its_launch_is_lost_in_it_whatever_disturbs(self, turns, call, every):
        loop = call(every)
        count, times = turns._chunks(lambda count: loop(None, count))
        assert min(times) == pytest.approx(Call.LAUNCH + count * Call.TURN)
        assert Call.LAUNCH + count * Call.TURN >= turns.TURN_SECONDS
        assert count * Call.TURN < 2 * turns.TURN_SECONDS

    def test_seconds_are_those_of_one_turn_of_the_chunk(self, turns, call, monkeypatch):
        loop = call()
        monkeypatch.setattr(turns, "looped", lambda _body, _chunk: loop)
        chunk = turns.Chunk(trips=5, bodies=4)
        assert turns.seconds_per_turn(None, None, chunk) == pytest.approx(Call.TURN / 20, rel=0.01)

    @pytest.mark.parametrize("least", [2e-6, 3.3e-5, 1e-3, 4.9e-3])
    def test_a_chunk_on_a_gpu_outlasts_the_end_condition_of_its_loop(self, turns, least):
        chunk = turns.chunk_for("gpu", least)
        assert turns.CHUNK_SECONDS <= chunk.turns * least < 2 * turns.CHUNK_SECONDS
        assert chunk.bodies <= turns.UNROLLED

    def test_a_long_turn_is_a_chunk(self, turns):
        assert turns.chunk_for("gpu", turns.CHUNK_SECONDS) == turns.ONE

    def test_a_cpu_needs_no_chunks(self, turns):
        assert turns.chunk_for("cpu", 1e-9) == turns.ONE
