"""What is known of a setting besides its type and its default: noted at the field, read as a registry."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel

Role = Literal["workload", "execution", "goal", "seed"]
"""What it decides: what is computed, how, when a clock stops, or only with which random numbers."""
Group = Literal["batch", "spread"]
"""Settings that go together: those that give the global batch, and those over which and how much hardware a
run is spread, which scaling varies."""


@dataclass(frozen=True)
class Setting:
    """A field's entry in the registry.

    `older` is the value that tables have which are older than the setting, None where no table is. Where it
    `keeps_id`, a scenario at that value has the id that it had without the setting.
    """

    role: Role
    group: Group | None = None
    older: bool | int | float | str | None = None
    keeps_id: bool = False

    def __post_init__(self) -> None:
        if self.keeps_id and self.older is None:
            raise TypeError("keeps_id: of which value? give older")

    def as_before(self, value: object) -> bool:
        """Whether a scenario at `value` is one that there was before the setting, and has its id."""
        return self.keeps_id and value == self.older


def settings_of(model: type[BaseModel]) -> Mapping[str, Setting]:
    """The registry: the entry of each of the model's fields, in their order.

    Raises TypeError for a field that has none, or more than one.
    """
    found = {}
    for name, field in model.model_fields.items():
        entries = [entry for entry in field.metadata if isinstance(entry, Setting)]
        if len(entries) != 1:
            raise TypeError(f"{name}: {len(entries)} settings; give it one, such as Setting('workload')")
        found[name] = entries[0]
    return MappingProxyType(found)


def names_in(annotation: Any) -> tuple[str, ...]:  # noqa: ANN401 -- a type annotation
    """The names of the `Literal` in a field's annotation, however deep; empty where there is none."""
    if get_origin(annotation) is Literal:
        return get_args(annotation)
    return tuple(name for argument in get_args(annotation) for name in names_in(argument))
