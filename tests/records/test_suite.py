import os
import re
import threading

import pytest

from bench.errors import SuiteError
from bench.records.suite import Measure, read_suite

SWEEP = """
[[sweep]]
name = "a"
hidden = [50, 50]
batch_size = 100
"""

GRID = """
title = "A grid"

[measure]
rounds = 2
timeout_seconds = 60
retries = 0

[[sweep]]
name = "grid"
hidden = [50, 50]
matrix.batch_size = [1, 100]
matrix.loop = ["fit", "fused"]
exclude = [{batch_size = 1, loop = "fit"}]
"""


@pytest.fixture
def read(tmp_path):
    """The suite that a text describes."""

    def read(text, **overrides):
        path = tmp_path / "suite.toml"
        path.write_text(text, encoding="utf-8")
        return read_suite(path, overrides)

    return read


@pytest.fixture
def refused(tmp_path, read):
    """The line that a text is refused with, less the file's name before it."""

    def refuse(text, **overrides):
        with pytest.raises(SuiteError) as caught:
            read(text, **overrides)
        line = str(caught.value)
        file = f"{tmp_path / 'suite.toml'}: "
        assert line.startswith(file)
        assert "\n" not in line
        return line.removeprefix(file)

    return refuse


class TestReading:
    def test_a_suite_is_the_union_of_its_sweeps_in_their_order(self, read):
        suite = read(SWEEP + SWEEP.replace('"a"', '"b"') + "epochs = 1\n")
        assert [(p.sweep, p.label) for p in suite.points] == [("a", "a"), ("b", "b")]

    def test_a_sweep_is_the_product_of_its_axes_less_what_is_excluded(self, read):
        points = read(GRID).points
        assert [p.label for p in points] == [
            "batch_size=1 loop=fused",
            "batch_size=100 loop=fit",
            "batch_size=100 loop=fused",
        ]
        assert [(p.scenario.batch_size, p.scenario.loop) for p in points] == [
            (1, "fused"),
            (100, "fit"),
            (100, "fused"),
        ]
        assert {p.scenario.hidden for p in points} == {(50, 50)}

    def test_what_the_file_says_of_itself(self, read):
        suite = read(GRID)
        assert (suite.name, suite.title, suite.text) == ("suite", "A grid", GRID)
        assert (suite.measure.rounds, suite.measure.timeout_seconds, suite.measure.retries) == (2, 60.0, 0)

    def test_what_it_leaves_out_has_defaults(self, read):
        suite = read(SWEEP)
        assert suite.title == "suite"
        assert (suite.measure.rounds, suite.measure.timeout_seconds, suite.measure.retries) == (4, 3600.0, 1)

    def test_a_label_is_one_line_whatever_is_in_it(self, read):
        suite = read(SWEEP + r'matrix.accelerator = ["a\u001b\nb", "H100"]')
        assert [point.label for point in suite.points] == [r'accelerator="a\u001b\nb"', "accelerator=H100"]

    def test_numbers_however_written_are_one_scenario(self, read):
        one, other = (read(SWEEP + f"learning_rate = {text}").points[0] for text in ("1e-3", "0.001"))
        assert one.scenario.scenario_id == other.scenario.scenario_id

    def test_an_axis_of_lists_has_a_readable_label(self, read):
        points = read(SWEEP.replace("hidden = [50, 50]", "matrix.hidden = [[8], [200, 100]]")).points
        assert [p.label for p in points] == ["hidden=8", "hidden=200-100"]

    @pytest.mark.parametrize("activation", ['"tanh"', '["tanh"]', '["tanh", "tanh"]'])
    def test_an_exclude_takes_every_way_to_write_an_activation(self, read, activation):
        axis = 'matrix.activation = ["relu", "tanh"]\n'
        points = read(SWEEP + axis + f"exclude = [{{activation = {activation}}}]").points
        assert [p.label for p in points] == ["activation=relu"]

    def test_an_exclude_may_be_a_table_of_its_own(self, read):
        text = SWEEP + "matrix.epochs = [1, 2]\n[[sweep.exclude]]\nepochs = 1\n"
        assert [p.scenario.epochs for p in read(text).points] == [2]

    def test_utf8(self, read):
        assert read('title = "Lote: de una imagen a diez mil — más"\n' + SWEEP).title.endswith("más")


class TestOverrides:
    def test_a_byte_order_mark_and_the_lines_of_windows(self, tmp_path):
        path = tmp_path / "suite.toml"
        path.write_bytes(b"\xef\xbb\xbf" + SWEEP.replace("\n", "\r\n").encode())
        assert read_suite(path).text == SWEEP

    def test_a_pipe_is_as_good_as_a_file(self, tmp_path):
        os.mkfifo(tmp_path / "pipe")
        writer = threading.Thread(target=(tmp_path / "pipe").write_text, args=(SWEEP,))
        writer.start()
        assert len(read_suite(tmp_path / "pipe").points) == 1
        writer.join()

    def test_a_name_that_is_no_text_is_recorded_as_text(self, tmp_path):
        path = tmp_path / "caf\udce9.toml"
        path.write_text(SWEEP)
        assert read_suite(path).name == read_suite(path).title == "caf\ufffd"

    def test_an_override_takes_the_place_of_a_setting_of_every_sweep(self, read):
        suite = read(GRID, epochs=1)
        assert {p.scenario.epochs for p in suite.points} == {1}

    def test_an_override_takes_the_place_of_a_whole_axis(self, read):
        suite = read(GRID, loop="fused")
        assert [(p.label, p.scenario.loop) for p in suite.points] == [
            ("batch_size=1", "fused"),
            ("batch_size=100", "fused"),
        ]

    def test_a_batch_takes_the_place_of_either_kind_of_batch(self, read):
        suite = read(SWEEP.replace("batch_size", "batch_per_replica"), batch_size=7)
        assert (suite.points[0].scenario.batch_size, suite.points[0].scenario.batch_per_replica) == (7, None)
        suite = read(GRID, batch_per_replica=9, loop="fit")
        assert (suite.points[0].scenario.batch_size, suite.points[0].scenario.batch_per_replica) == (None, 9)

    def test_an_exclude_that_an_override_made_idle_is_no_error(self, read):
        assert len(read(GRID, batch_size=50).points) == 2

    def test_rounds_and_timeout_go_before_the_file(self, tmp_path):
        path = tmp_path / "suite.toml"
        path.write_text(GRID)
        measure = read_suite(path, rounds=7, timeout_seconds=1.5).measure
        assert (measure.rounds, measure.timeout_seconds) == (7, 1.5)

    def test_an_unknown_override(self, refused):
        assert refused(SWEEP, epoch=3) == 'sweep "a": epoch: unknown key; did you mean epochs?'

    def test_an_override_that_makes_two_scenarios_one(self, refused):
        text = SWEEP + SWEEP.replace('"a"', '"b"') + "epochs = 1\n"
        assert refused(text, epochs=2) == (
            "a/a and b/b are the same scenario; override less than epochs (rounds repeat a scenario)"
        )


class TestRepetition:
    @pytest.fixture
    def measure(self, read):
        """What a `[measure]` table comes to."""
        return lambda table: read(f"[measure]\n{table}\n{SWEEP}").measure

    def test_without_a_precision_rounds_are_a_count(self, measure):
        found = measure("rounds = 4")
        assert (found.precision, found.max_rounds) == (None, None)
        assert (found.least_rounds, found.most_rounds) == (4, 4)

    def test_a_precision_takes_seven_to_twenty_rounds_unless_said_otherwise(self, measure):
        found = measure("precision = 0.01")
        assert (found.rounds, found.precision, found.max_rounds) == (4, 0.01, 20)
        assert (found.least_rounds, found.most_rounds) == (7, 20)

    def test_rounds_is_the_least_number_of_them(self, measure):
        found = measure("precision = 0.005\nrounds = 10\nmax_rounds = 40")
        assert (found.least_rounds, found.most_rounds) == (10, 40)

    @pytest.mark.parametrize("table", ["max_rounds = 7", "rounds = 7\nmax_rounds = 7", "rounds = 20"])
    def test_there_may_be_no_more_than_the_least(self, measure, table):
        found = measure(f"precision = 0.01\n{table}")
        assert found.least_rounds <= found.most_rounds

    @pytest.mark.parametrize("table", ["precision = 0.01", "precision = 0.01\nmax_rounds = 9\nrounds = 5"])
    def test_a_number_of_rounds_goes_before_the_whole_rule(self, tmp_path, table):
        path = tmp_path / "suite.toml"
        path.write_text(f"[measure]\nretries = 5\n{table}\n{SWEEP}")
        assert read_suite(path, rounds=2).measure == Measure(rounds=2, retries=5)


class TestOnly:
    @pytest.mark.parametrize(
        ("pattern", "labels"),
        [
            ("grid", 3),
            ("gr*", 3),
            ("batch_size=100*", 2),
            ("grid/*loop=fused", 2),
            ("grid/batch_size=1 loop=fused", 1),
        ],
    )
    def test_a_glob_chooses_by_sweep_or_label(self, read, pattern, labels):
        assert len(read(GRID).only(pattern).points) == labels

    def test_a_scenario_id_chooses_one(self, read):
        suite = read(GRID)
        assert suite.only(suite.points[1].scenario.scenario_id).points == (suite.points[1],)

    def test_all_else_stays(self, read):
        suite = read(GRID)
        assert suite.only("*=fit").measure == suite.measure
        assert suite.only("*=fit").text == suite.text

    def test_an_empty_glob_chooses_none(self, read):
        with pytest.raises(SuiteError, match="--only '' matches no scenario; its sweeps are grid"):
            read(GRID).only("")

    def test_a_glob_that_chooses_none(self, read):
        with pytest.raises(SuiteError) as caught:
            read(GRID).only("gird")
        assert str(caught.value) == "suite: --only 'gird' matches no scenario; its sweeps are grid"


WRONG_SETTINGS = {
    "batchsize = 3": "batchsize: unknown key; did you mean batch_size?",
    "excludes = []": "excludes: unknown key; did you mean exclude?",
    '"a\\nb" = 3': r'"a\nb": unknown key; the keys are name, matrix, exclude, dataset, ',
    '"" = 3': '"": unknown key; the keys are name, ',
    'epochs = "five"': 'epochs: must be a whole number, not "five"',
    "epochs = true": "epochs: must be a whole number, not true",
    "epochs = 1.0": "epochs: must be a whole number, not 1.0",
    "epochs = 2026-01-31": "epochs: must be a whole number, not 2026-01-31",
    "epochs = {a = 1}": "epochs: must be a whole number, not {a = 1}",
    "epochs = 99999999999999999999": "epochs: must be less than 2147483648, not 99999999999999999999",
    "epochs = [1, 2]": "epochs: must be a whole number, not [1, 2]; for several values",
    "learning_rate = -0.1": "learning_rate: must be greater than 0, not -0.1",
    "learning_rate = 0": "learning_rate: must be greater than 0, not 0",
    "learning_rate = true": "learning_rate: must be a number, not true",
    "learning_rate = inf": "learning_rate: must be a finite number, not inf",
    f"learning_rate = 1{'0' * 400}": "learning_rate: must be a number, not 1000",
    "dropout = nan": "dropout: must be less than 1, not nan",
    "target_accuracy = 98.5": "target_accuracy: must be less than 1, not 98.5",
    "seed = -1": "seed: must be greater than or equal to 0, not -1",
    "shift = 8": "shift: must be less than or equal to 7, not 8",
    'dataset = "minst"': 'dataset: unknown value "minst"; did you mean "mnist"? the choices are',
    'dataset = "cifar10"': 'dataset: unknown value "cifar10"; the choices are mnist, fashion-mnist, digits',
    'activation = "rleu"': 'activation: unknown value "rleu"; did you mean "relu"? the choices are relu, ',
    'activation = """a\nb"""': r'activation: unknown value "a\nb"; the choices are relu, ',
    "activation = 3": "activation: must be a list, not 3",
    'activation = ["relu", "relu", "relu"]': (
        "activation: 3 names for 2 hidden layers; give one, or one per layer"
    ),
    'loop = ["fit"]': 'loop: unknown value ["fit"]; did you mean "fit"? the choices are fused, fit; for',
    'strategy = "mirrored"\nworkers = 2': "workers: mirrored has one worker; set it to 1, or use multi",
    'strategy = "mirorred"': 'strategy: unknown value "mirorred"; did you mean "mirrored"?',
    "workers = 2": "workers: one_device has one replica; set it to 1",
    'strategy = "parameter_server"\ndevices = 2': (
        "devices: with parameter_server each worker trains on one device; set it to 1, give more workers"
    ),
    'strategy = "central_storage"\ndevices = 2\nloop = "fit"': (
        "loop: model.fit of Keras 3 trains wrongly under central_storage; use fused"
    ),
    'strategy = "mirrored"\ndevices = 2\nloop = "fit"': (
        "jit: model.fit of Keras 3 cannot be compiled by XLA under mirrored; set jit = false, or use fused"
    ),
    'strategy = "mirrored"\ndevices = 3\nloop = "fit"\njit = false': (
        "batch_size: model.fit of Keras 3 fails under mirrored where the replicas cannot share a batch evenly"
    ),
    'strategy = "parameter_server"\nprecision = "mixed_float16"': (
        "precision: mixed_float16 needs one loss scale for all updates"
    ),
    'strategy = "parameter_server"\ndeterministic = true': (
        "deterministic: the workers of parameter_server do not wait for one another, and so no run is like "
        "another; set it to false, or use multi_worker_mirrored"
    ),
    "deterministic = 1": "deterministic: must be true or false, not 1",
    "servers = 2": "servers: one_device has none; use parameter_server, or drop it",
    'strategy = "mirrored"\nplacement = "spread"': (
        "placement: mirrored has one process; drop it, or use multi_worker_mirrored"
    ),
    'strategy = "multi_worker_mirrored"\nloop = "fit"': (
        "loop: model.fit of Keras 3 fails under multi_worker_mirrored (tensorflow#72388); use fused"
    ),
    'strategy = "parameter_server"\nloop = "fit"': (
        "loop: model.fit of Keras 3 has no part for the coordinator that parameter_server needs; use fused"
    ),
    "devices = 2": "devices: one_device has one replica; set it to 1",
    "batch_per_replica = 5": "batch_size: give exactly one of batch_size and batch_per_replica",
    'device = "cpu"\nprecision = "tf32"': "precision: tf32 is a mode of GPUs; use float32 with",
    'device = "cpu"\naccelerator = "H100"': (
        'accelerator: names a GPU type, but device is "cpu"; drop one of them'
    ),
    "matrix = [1]": "matrix: give axes, such as matrix.batch_size = [1, 10, 100]",
    'matrix = "epochs"': "matrix: give axes, such as matrix.batch_size = [1, 10, 100]",
    "matrix.epochs = []": "matrix.epochs: a list of at least one value is needed, not []",
    "matrix.epochs = 3": "matrix.epochs: a list of at least one value is needed, not 3",
    "matrix.epoch = [3]": "matrix.epoch: unknown key; did you mean epochs?",
    "matrix.epochs = [1, [2]]": "epochs: must be a whole number, not [2]",
    "matrix.batch_size = [1]": ("batch_size: set both as a fixed setting and as matrix.batch_size; drop one"),
    "matrix.seed = [1, 2]": (
        "matrix.seed: a seed makes no new scenario; raise [measure] rounds to repeat with other seeds"
    ),
    "seed = 1\nmatrix.seed = [1, 2]": "matrix.seed: a seed makes no new scenario; raise [measure] rounds",
    f"matrix.epochs = {list(range(1, 1001))}\nmatrix.cpus = {list(range(1, 1001))}": (
        "matrix: 1,000,000 scenarios are more than 100,000; give shorter axes"
    ),
    "exclude = [{epochs = 3}]": "exclude: {epochs = 3} leaves nothing out; mend or drop it",
    "matrix.epochs = [1, 2]\nexclude = [{epochs = true}]": "exclude: {epochs = true} leaves nothing",
    "exclude = [{epochs = 5}]": "exclude: leaves no scenario; drop one of its entries",
    "exclude = [{epoch = 5}]": "exclude: epoch: unknown key; did you mean epochs?",
    "exclude = {epochs = 5}": 'exclude: a list of tables is needed, such as [{batch_size = 1, loop = "fit"}]',
    "exclude = [5]": 'exclude: a list of tables is needed, such as [{batch_size = 1, loop = "fit"}]',
    "exclude = [{}]": 'exclude: a list of tables is needed, such as [{batch_size = 1, loop = "fit"}]',
}

WRONG_SWEEPS = {
    'name = "a"\nbatch_size = 8': "hidden: missing; give it a value",
    'name = "a"\nhidden = [8]': "batch_size: give exactly one of batch_size and batch_per_replica",
    'name = "a"\nhidden = [8]\nbatch_size = 50_001': (
        "batch_size: a global batch of 50,001 is larger than the 50,000 training images"
    ),
    'name = "a"\nhidden = [8]\nbatch_per_replica = 50_001': (
        "batch_per_replica: a global batch of 50,001 is larger than the 50,000 training images"
    ),
    'name = "a"\nhidden = [8]\nbatch_size = 0': "batch_size: must be greater than 0, not 0",
    'name = "a"\nhidden = 8\nbatch_size = 1': "hidden: must be a list, not 8",
    'name = "a"\nhidden = [8, 1.5]\nbatch_size = 1': "hidden: must be a whole number, not 1.5",
    'name = "a"\nhidden = [[8, 8]]\nbatch_size = 1': (
        "hidden: must be a whole number, not [8, 8]; for several values write matrix.hidden = [ … ]"
    ),
    'name = "a"\nhidden = [2_000_000_000, 2_000_000_000]\nbatch_size = 1': (
        "hidden: 4.0e+18 parameters are more than any machine holds; give smaller widths"
    ),
    'name = "a"\nmatrix.hidden = [8, 9]\nbatch_size = 1': "hidden: must be a list, not 8",
}

WRONG_NAMES = ["", 'name = ""', 'name = " "', "name = 3", "name = 2026-01-31", 'name = """a\nb"""']

WRONG_FILES = {
    "": "no sweep; add at least one [[sweep]] table",
    'title = "x"': "no sweep; add at least one [[sweep]] table",
    "sweep = []": "no sweep; add at least one [[sweep]] table",
    "sweep = [1]": "no sweep; add at least one [[sweep]] table",
    'sweep = "a"': "no sweep; add at least one [[sweep]] table",
    SWEEP.replace("[[sweep]]", "[sweep]"): (
        "sweep: one table is not enough; write [[sweep]], in double brackets"
    ),
    "titel = 3\n" + SWEEP: "titel: unknown key; did you mean title?",
    "title = 3\n" + SWEEP: "title: must be a string, not 3",
    "measure = 3\n" + SWEEP: "measure: a table is needed; write [measure], in single brackets",
    "[[measure]]\nrounds = 3\n" + SWEEP: "measure: a table is needed; write [measure], in single brackets",
    "[measure]\nround = 3\n" + SWEEP: "[measure]: round: unknown key; did you mean rounds?",
    "[measure]\nrounds = 0\n" + SWEEP: "[measure]: rounds: must be greater than 0, not 0",
    '[measure]\nrounds = "3"\n' + SWEEP: '[measure]: rounds: must be a whole number, not "3"',
    "[measure]\ntimeout_seconds = inf\n"
    + SWEEP: "[measure]: timeout_seconds: must be a finite number, not inf",
    **{
        f"[measure]\nprecision = {value}\n" + SWEEP: (
            f"[measure]: precision: must be a share between 0 and 1, such as 0.01 for ±1 %, not {value}"
        )
        for value in ("1", "0.0", "-0.01", "nan", "inf", "true", "[0.01]")
    },
    '[measure]\nprecision = "tf32"\n' + SWEEP: (
        "[measure]: precision: must be a share between 0 and 1, such as 0.01 for ±1 %, "
        'not "tf32"; the precision of arithmetic is a setting of a [[sweep]]'
    ),
    "[measure]\nprecison = 0.1\n" + SWEEP: "[measure]: precison: unknown key; did you mean precision?",
    "[measure]\nmax_rounds = 9\n" + SWEEP: (
        "[measure]: max_rounds: only limits the rounds up to a precision; "
        "add precision = 0.01, say, or drop it and give rounds"
    ),
    "[measure]\nprecision = 0.1\nrounds = 30\n" + SWEEP: (
        "[measure]: max_rounds: 20 is less than rounds = 30; give 30 or more"
    ),
    "[measure]\nprecision = 0.1\nmax_rounds = 2\n" + SWEEP: (
        "[measure]: max_rounds: 2 is less than rounds = 4; give 7 or more"
    ),
    "[measure]\nprecision = 0.1\nmax_rounds = 5\n" + SWEEP: (
        "[measure]: max_rounds: from 5 runs no precision can be told at 97 %; give 7 or more"
    ),
    "[measure]\nprecision = 0.1\nmax_rounds = 0\n" + SWEEP: (
        "[measure]: max_rounds: must be greater than 0, not 0"
    ),
    "[measure]\nretries = -1\n" + SWEEP: "[measure]: retries: must be greater than or equal to 0, not -1",
    SWEEP + SWEEP.replace('"a"', '"b"'): (
        "a/a and b/b are the same scenario; drop one (rounds repeat a scenario)"
    ),
    SWEEP + SWEEP.replace('"a"', '"b"') + "seed = 1": (
        "a/a and b/b are the same scenario; drop one (rounds repeat a scenario)"
    ),
    SWEEP + "matrix.epochs = [1, 1]": (
        "a/epochs=1 and a/epochs=1 are the same scenario; drop one (rounds repeat a scenario)"
    ),
}

BROKEN_TOML = {
    "[[sweep]\nname = 1": "Expected ']]' at the end of an array declaration (at line 1, column 8)",
    'title = "abc\ndef"': r"Illegal character '\n' (at line 1, column 13)",
    "title = [1,\n2,\n": "Invalid value (at end of document)",
    "a = 1\na = 2\nb = 3": "Cannot overwrite a value (at line 2, column 6)",
    "\n\n= 3": "Invalid statement (at line 3, column 1)",
    "a = '\x01'": r"Found invalid character '\x01' (at line 1, column 6)",
    f"a = {'9' * 5000}": (
        "Exceeds the limit (4300 digits) for integer string conversion: value has 5000 digits"
    ),
}


class TestErrors:
    """Each one line that names the file (the fixture sees to that), the sweep, the key, and a way out."""

    @pytest.mark.parametrize(("setting", "line"), WRONG_SETTINGS.items(), ids=lambda s: s[:40])
    def test_a_wrong_setting(self, refused, setting, line):
        assert refused(SWEEP + setting).startswith(f'sweep "a": {line}')

    @pytest.mark.parametrize(("sweep", "line"), WRONG_SWEEPS.items(), ids=lambda s: s[:60])
    def test_a_wrong_sweep(self, refused, sweep, line):
        assert refused(f"[[sweep]]\n{sweep}") == f'sweep "a": {line}'

    @pytest.mark.parametrize("name", WRONG_NAMES)
    def test_a_sweep_without_a_name(self, refused, name):
        text = SWEEP + "[[sweep]]\n" + name
        assert refused(text) == (
            'sweep 2: name: give each sweep a name on one line, such as name = "batch-size"'
        )

    @pytest.mark.parametrize(("text", "line"), WRONG_FILES.items(), ids=lambda s: s[:40])
    def test_a_wrong_file(self, refused, text, line):
        assert refused(text) == line

    @pytest.mark.parametrize(("text", "reason"), BROKEN_TOML.items(), ids=lambda s: s[:20])
    def test_broken_toml_is_told_with_its_place(self, refused, text, reason):
        assert refused(text) == f"not valid TOML: {reason}; mend the file there"

    def test_a_table_nested_without_end(self, refused):
        assert refused("a = " + "[" * 20_000).startswith("not valid TOML: ")

    def test_a_missing_file(self, tmp_path):
        path = tmp_path / "none.toml"
        with pytest.raises(SuiteError) as caught:
            read_suite(path)
        assert str(caught.value) == (
            f"{path}: no such file; give the path of a suite, such as scenarios/quick.toml"
        )

    def test_a_folder_in_place_of_a_file(self, tmp_path):
        with pytest.raises(SuiteError) as caught:
            read_suite(tmp_path)
        assert str(caught.value) == (
            f"{tmp_path}: cannot be read: Is a directory; "
            "give the path of a suite, such as scenarios/quick.toml"
        )

    def test_a_file_that_is_no_text(self, tmp_path):
        path = tmp_path / "suite.toml"
        path.write_bytes(b"\xff\xfe\x00")
        with pytest.raises(
            SuiteError, match=re.escape(f"{path}: cannot be read: not UTF-8 text; give the path")
        ):
            read_suite(path)

    @pytest.mark.parametrize("path", ["/dev/zero", "large.toml"])
    def test_a_file_without_an_end_or_a_huge_one_is_not_read_to_its_end(self, tmp_path, path):
        (tmp_path / "large.toml").write_bytes(b"#" * (4 * 2**20 + 1))
        with pytest.raises(SuiteError, match="larger than 4 MiB; give the path of a suite"):
            read_suite(tmp_path / path)

    def test_more_scenarios_than_the_limit_over_several_sweeps(self, refused):
        axes = f"matrix.batch_size = {list(range(1, 301))}\nmatrix.epochs = {list(range(1, 201))}\n"
        sweep = '[[sweep]]\nname = "{}"\nhidden = [{}]\n'
        line = refused(sweep.format("a", 1) + axes + sweep.format("b", 2) + axes)
        assert line.startswith(
            'sweep "b": matrix: 60,000 scenarios beside 60,000 others are more than 100,000; '
        )
