"""A scenario: one point of a sweep, with every setting decided before the first process starts."""

import hashlib
import itertools
import json
from functools import cached_property, lru_cache
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from bench.data.shapes import CLASSES, PIXELS, TRAIN_SIZE

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
YOUNGER: dict[str, object] = {"servers": 1, "placement": "pack", "deterministic": False}
"""Settings that older tables lack: at these values a scenario keeps the id that it had without them."""
INT_LIMIT = 2**31  # whole numbers stay below it: products of two fit the tables' 64 bits
MAX_SHIFT = 7  # a quarter of the 28 pixels: beyond that whole digits leave the frame


def _list_to_tuple(value: object) -> object:
    """TOML has lists, frozen models hold tuples, and strict validation takes no one for the other."""
    return tuple(value) if isinstance(value, list) else value


def _name_to_tuple(value: object) -> object:
    return (value,) if isinstance(value, str) else _list_to_tuple(value)


PositiveInt = Annotated[int, Field(gt=0, lt=INT_LIMIT)]
Fraction = Annotated[float, Field(ge=0, lt=1)]


class Scenario(BaseModel):
    """Every setting of a training run, the round's seed offset left out.

    `activation` is kept as one name per hidden layer, so that `"relu"` and `["relu", "relu"]` are one
    scenario. Exactly one of `batch_size` (global) and `batch_per_replica` is set. `devices` is the number of
    replicas in each of the `workers`; `servers` hold the variables of parameter_server. `placement` says
    whether a group's workers fill as few nodes as they can, or have a node each. With `deterministic` a run
    that is repeated on the same hardware and software gives the same weights, bit by bit: no operation whose
    result depends on the order of threads, and no algorithm chosen by timing it. The training loss may still
    differ in its last digits: it is summed up by windows, whose number of steps goes by the clock.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    dataset: DatasetName = "mnist"
    hidden: Annotated[tuple[PositiveInt, ...], BeforeValidator(_list_to_tuple)]
    activation: Annotated[tuple[Activation, ...], BeforeValidator(_name_to_tuple)] = ("relu",)
    dropout: Fraction = 0.0
    standardize: bool = False
    shift: Annotated[int, Field(ge=0, le=MAX_SHIFT)] = 0
    label_smoothing: Fraction = 0.0
    optimizer: Optimizer = "adam"
    learning_rate: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1e-3
    schedule: Schedule = "constant"
    warmup_fraction: Fraction = 0.0
    batch_size: PositiveInt | None = None
    batch_per_replica: PositiveInt | None = None
    epochs: PositiveInt = 5
    target_accuracy: Annotated[float, Field(gt=0, lt=1)] | None = None
    loop: Loop = "fused"
    precision: Precision = "float32"
    jit: bool = True
    deterministic: bool = False
    strategy: Strategy = "one_device"
    workers: PositiveInt = 1
    devices: PositiveInt = 1
    servers: PositiveInt = 1
    placement: Placement = "pack"
    device: Device = "auto"
    cpus: PositiveInt | None = None
    accelerator: Annotated[str, Field(min_length=1)] | None = None
    seed: Annotated[int, Field(ge=0, lt=INT_LIMIT)] = 0

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
        for problem in _disagreements(self):
            raise ValueError(problem)
        return self

    @property
    def replicas(self) -> int:
        """How many copies of the model train together."""
        return self.workers * self.devices

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
        settings = {k: value for k, value in settings.items() if k not in YOUNGER or YOUNGER[k] != value}
        text = json.dumps(settings, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:12]


@lru_cache
def model_flops_per_step(widths: tuple[int, ...], batch: int) -> int:
    """Floating-point operations of one step's matrix products: exact, biases and activations left out.

    With d_l the layer widths and B the batch: B (6 Σ_{l≥1} d_{l−1} d_l − 2 d_0 d_1). Forward, gradient of
    the weights and gradient of the inputs take 2 B d_{l−1} d_l each; the first layer needs no gradient of
    its inputs.
    """
    products = [a * b for a, b in itertools.pairwise(widths)]
    return batch * (6 * sum(products) - 2 * products[0])


@lru_cache
def parameter_count(widths: tuple[int, ...]) -> int:
    """Trainable weights and biases of the dense net."""
    return sum((a + 1) * b for a, b in itertools.pairwise(widths))


def choices(key: str) -> tuple[str, ...]:
    """The names that setting `key` may take; empty where it is not one of a list of names."""
    lists: dict[str, Any] = {
        "dataset": DatasetName,
        "activation": Activation,
        "optimizer": Optimizer,
        "schedule": Schedule,
        "loop": Loop,
        "precision": Precision,
        "strategy": Strategy,
        "device": Device,
        "placement": Placement,
    }
    return get_args(lists[key]) if key in lists else ()


def _disagreements(s: Scenario) -> list[str]:
    """What no single setting shows: each line begins with the key to mend."""
    found: list[str] = []
    if len(s.activation) != len(s.hidden):
        found.append(
            f"activation: {len(s.activation)} names for {len(s.hidden)} hidden layers; "
            "give one, or one per layer"
        )
    if (s.batch_size is None) == (s.batch_per_replica is None):
        found.append("batch_size: give exactly one of batch_size and batch_per_replica")
    elif s.global_batch > TRAIN_SIZE:
        key = "batch_size" if s.batch_size else "batch_per_replica"
        found.append(
            f"{key}: a global batch of {s.global_batch:,} is larger than the {TRAIN_SIZE:,} training images"
        )
    elif s.global_batch < s.replicas:
        found.append(
            f"batch_size: {s.global_batch} cannot be shared by {s.replicas} replicas; "
            "give at least one image each"
        )
    if model_flops_per_step(s.widths, TRAIN_SIZE) >= 2**63:
        number = f"{parameter_count(s.widths):.1e}"
        found.append(f"hidden: {number} parameters are more than any machine holds; give smaller widths")
    found += _disagreements_of_replicas(s)
    if s.device == "cpu" and s.precision == "tf32":
        found.append('precision: tf32 is a mode of GPUs; use float32 with device = "cpu"')
    if s.device == "cpu" and s.accelerator is not None:
        found.append('accelerator: names a GPU type, but device is "cpu"; drop one of them')
    return found


def _disagreements_of_replicas(s: Scenario) -> list[str]:
    """What the strategy does not go with."""
    found: list[str] = []
    if s.strategy == "one_device" and s.replicas > 1:
        found.append(f"{'workers' if s.workers > 1 else 'devices'}: one_device has one replica; set it to 1")
    elif s.strategy not in MULTI_PROCESS and s.workers > 1:
        found.append(f"workers: {s.strategy} has one worker; set it to 1, or use multi_worker_mirrored")
    if s.strategy == "parameter_server" and s.devices > 1:
        found.append(
            "devices: with parameter_server each worker trains on one device; set it to 1, give more workers"
        )
    if s.strategy != "parameter_server" and s.servers > 1:
        found.append(f"servers: {s.strategy} has none; use parameter_server, or drop it")
    if s.strategy not in MULTI_PROCESS and s.placement != "pack":
        found.append(f"placement: {s.strategy} has one process; drop it, or use multi_worker_mirrored")
    if s.strategy == "parameter_server" and s.precision == "mixed_float16":
        found.append(
            "precision: mixed_float16 needs one loss scale for all updates, which workers that do not wait "
            "for one another do not have; use mixed_bfloat16"
        )
    if s.strategy == "parameter_server" and s.deterministic:
        found.append(
            "deterministic: the workers of parameter_server do not wait for one another, and so no run is "
            "like another; set it to false, or use multi_worker_mirrored"
        )
    return found + (_disagreements_of_fit(s) if s.loop == "fit" else [])


def _disagreements_of_fit(s: Scenario) -> list[str]:
    """What Keras' own loop cannot do, or does wrongly without a word."""
    if s.strategy in MULTI_PROCESS or (s.strategy == "central_storage" and s.devices > 1):
        return [f"loop: {_NO_FIT[s.strategy]}; use fused"]
    if s.strategy != "mirrored" or s.devices == 1:
        return []
    found: list[str] = []
    if s.jit:
        found.append(
            "jit: model.fit of Keras 3 cannot be compiled by XLA under mirrored; "
            "set jit = false, or use fused"
        )
    if s.global_batch % s.devices:
        found.append(
            "batch_size: model.fit of Keras 3 fails under mirrored where the replicas cannot share a batch "
            "evenly; use a multiple of devices, or fused"
        )
    return found


_NO_FIT: dict[Strategy, str] = {
    "multi_worker_mirrored": "model.fit of Keras 3 fails under multi_worker_mirrored (tensorflow#72388)",
    "central_storage": "model.fit of Keras 3 trains wrongly under central_storage",
    "parameter_server": "model.fit of Keras 3 has no part for the coordinator that parameter_server needs",
}
