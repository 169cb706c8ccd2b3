"""A scenario: one point of a sweep, with every setting decided before the first process starts."""

import hashlib
import json
from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from bench.data.shapes import CLASSES, PIXELS, TRAIN_SIZE
from bench.records.agreement import disagreements
from bench.records.settings import Group, Role, Setting, names_in, settings_of

DatasetName = Literal["mnist", "fashion-mnist", "digits"]
Activation = Literal[
    "relu",
    "tanh",
    "sigmoid",
    "elu",
    "selu",
    "gelu",
    "silu",
    "softplus",
    "softsign",
    "leaky_relu",
    "hard_sigmoid",
    "mish",
    "linear",
]
Optimizer = Literal["adam", "sgd", "momentum", "adamw"]
Schedule = Literal["constant", "cosine", "linear"]
Loop = Literal["fused", "fit"]
Precision = Literal["float32", "tf32", "mixed_bfloat16", "mixed_float16"]
Strategy = Literal["one_device", "mirrored", "multi_worker_mirrored", "central_storage", "parameter_server"]
Device = Literal["auto", "cpu", "gpu"]
Placement = Literal["pack", "spread"]

MULTI_PROCESS: frozenset[Strategy] = frozenset({"multi_worker_mirrored", "parameter_server"})
"""The strategies whose workers are processes of their own, on one node or several."""
INT_LIMIT = 2**31  # whole numbers stay below it: products of two fit the tables' 64 bits
MAX_SHIFT = 7  # a quarter of the 28 pixels: beyond that whole digits leave the frame


def _list_to_tuple(value: object) -> object:
    """TOML has lists, frozen models hold tuples, and strict validation takes no one for the other."""
    return tuple(value) if isinstance(value, list) else value


def _name_to_tuple(value: object) -> object:
    return (value,) if isinstance(value, str) else _list_to_tuple(value)


PositiveInt = Annotated[int, Field(gt=0, lt=INT_LIMIT)]
Fraction = Annotated[float, Field(ge=0, lt=1)]
Share = Annotated[float, Field(gt=0, lt=1)]
Name = Annotated[str, Field(min_length=1)]
_WORKLOAD = Setting("workload")
_EXECUTION = Setting("execution")
_SPREAD = Setting("execution", "spread")


class Scenario(BaseModel):
    """Every setting of a training run, the round's seed offset left out.

    `activation` is kept as one name per hidden layer, so that `"relu"` and `["relu", "relu"]` are one
    scenario. Exactly one of `batch_size` (global) and `batch_per_replica` is set. `devices` is the number of
    replicas in each of the `workers`; `servers` hold the variables of parameter_server. `placement` says
    whether a group's workers fill as few nodes as they can, or have a node each. With `deterministic` a run
    that is repeated on the same hardware and software gives the same weights, bit by bit: no operation whose
    result depends on the order of threads, and no algorithm chosen by timing it. The training loss may still
    differ in its last digits: it is summed up by windows, whose number of steps goes by the clock.

    Each field names its `Setting`, the entry in the registry `SETTINGS`. `batch_size` is workload; that each
    replica's is given instead is execution: it says how the global batch follows from the replicas.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    dataset: Annotated[DatasetName, _WORKLOAD] = "mnist"
    hidden: Annotated[tuple[PositiveInt, ...], BeforeValidator(_list_to_tuple), _WORKLOAD]
    activation: Annotated[tuple[Activation, ...], BeforeValidator(_name_to_tuple), _WORKLOAD] = ("relu",)
    dropout: Annotated[Fraction, Setting("workload", older=0.0)] = 0.0
    standardize: Annotated[bool, Setting("workload", older=False)] = False
    shift: Annotated[int, Field(ge=0, le=MAX_SHIFT), Setting("workload", older=0)] = 0
    label_smoothing: Annotated[Fraction, Setting("workload", older=0.0)] = 0.0
    optimizer: Annotated[Optimizer, _WORKLOAD] = "adam"
    learning_rate: Annotated[float, Field(gt=0, allow_inf_nan=False), _WORKLOAD] = 1e-3
    schedule: Annotated[Schedule, Setting("workload", older="constant")] = "constant"
    warmup_fraction: Annotated[Fraction, Setting("workload", older=0.0)] = 0.0
    batch_size: Annotated[PositiveInt | None, Setting("workload", "batch")] = None
    batch_per_replica: Annotated[PositiveInt | None, Setting("execution", "batch")] = None
    epochs: Annotated[PositiveInt, _WORKLOAD] = 5
    target_accuracy: Annotated[Share | None, Setting("goal")] = None
    loop: Annotated[Loop, _EXECUTION] = "fused"
    precision: Annotated[Precision, _EXECUTION] = "float32"
    jit: Annotated[bool, _EXECUTION] = True
    deterministic: Annotated[bool, Setting("execution", older=False, keeps_id=True)] = False
    strategy: Annotated[Strategy, _SPREAD] = "one_device"
    workers: Annotated[PositiveInt, _SPREAD] = 1
    devices: Annotated[PositiveInt, _SPREAD] = 1
    servers: Annotated[PositiveInt, Setting("execution", "spread", older=1, keeps_id=True)] = 1
    placement: Annotated[Placement, Setting("execution", "spread", older="pack", keeps_id=True)] = "pack"
    device: Annotated[Device, _EXECUTION] = "auto"
    cpus: Annotated[PositiveInt | None, _SPREAD] = None
    accelerator: Annotated[Name | None, _EXECUTION] = None
    seed: Annotated[int, Field(ge=0, lt=INT_LIMIT), Setting("seed")] = 0

    @model_validator(mode="before")
    @classmethod
    def _one_activation_per_layer(cls, settings: Any) -> Any:  # noqa: ANN401 -- whatever was given
        if not isinstance(settings, dict):
            return settings
        hidden, activation = settings.get("hidden"), _name_to_tuple(settings.get("activation", "relu"))
        if isinstance(hidden, list | tuple) and isinstance(activation, tuple) and len(activation) == 1:
            return {**settings, "activation": activation * len(hidden)}
        return settings

    @model_validator(mode="after")
    def _settings_agree(self) -> Self:
        for problem in disagreements(self):
            raise ValueError(problem)
        return self

    @property
    def replicas(self) -> int:
        """How many copies of the model train together."""
        return self.workers * self.devices

    @property
    def multi_process(self) -> bool:
        """Whether its workers are processes of their own, on one node or several."""
        return self.strategy in MULTI_PROCESS

    @property
    def global_batch(self) -> int:
        """Training samples per step over all replicas."""
        return self.batch_size or (self.batch_per_replica or 0) * self.replicas

    @property
    def steps_per_epoch(self) -> int:
        """Optimizer steps in one pass over the training set, a smaller last batch counted as a step."""
        return -(-TRAIN_SIZE // self.global_batch)

    @property
    def steps(self) -> int:
        """Optimizer steps of the whole run."""
        return self.epochs * self.steps_per_epoch

    @property
    def samples(self) -> int:
        """Training images seen in the whole run, each once per epoch."""
        return self.epochs * TRAIN_SIZE

    @property
    def widths(self) -> tuple[int, ...]:
        """Layer widths d_0 (pixels), the hidden ones, and the classes."""
        return (PIXELS, *self.hidden, CLASSES)

    @cached_property
    def scenario_id(self) -> str:
        """12 hexadecimal digits over every setting but the seed; the same in every process and machine."""
        settings = self.model_dump(mode="json", exclude={"seed"})
        settings = {name: value for name, value in settings.items() if not SETTINGS[name].as_before(value)}
        text = json.dumps(settings, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:12]


SETTINGS: Mapping[str, Setting] = settings_of(Scenario)
"""What is known of each setting, in their order."""
OLDER: Mapping[str, bool | int | float | str] = {
    name: setting.older for name, setting in SETTINGS.items() if setting.older is not None
}
"""Settings that there are tables without, and the value that these were made with."""


def of_role(*roles: Role) -> tuple[str, ...]:
    """The settings of these roles, in their order."""
    return tuple(name for name, setting in SETTINGS.items() if setting.role in roles)


def of_group(group: Group) -> tuple[str, ...]:
    """The settings of this group, in their order."""
    return tuple(name for name, setting in SETTINGS.items() if setting.group == group)


def choices(key: str) -> tuple[str, ...]:
    """The names that setting `key` may take; empty where it is not one of a list of names."""
    return names_in(Scenario.model_fields[key].annotation) if key in SETTINGS else ()
