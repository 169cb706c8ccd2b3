"""Kinds of input: each makes a damaged one from a `random.Random`, and hands it to what reads such."""

from tests.fuzz.kinds.condition import Conditions
from tests.fuzz.kinds.environment import Environment
from tests.fuzz.kinds.idx import Idx
from tests.fuzz.kinds.journal import JournalLines
from tests.fuzz.kinds.npz import Npz
from tests.fuzz.kinds.parquet import ParquetTables
from tests.fuzz.kinds.toml import Toml
from tests.fuzz.kinds.variables import Variables

ALL = (Npz(), Idx(), Toml(), JournalLines(), ParquetTables(), Conditions(), Variables(), Environment())
KINDS = {kind.name: kind for kind in ALL}
