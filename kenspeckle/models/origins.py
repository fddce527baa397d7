"""Which layers a tensor comes from, also through sums and views between the layers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor
from torch.overrides import TorchFunctionMode


class Origins(TorchFunctionMode):
    """While it is entered, what is computed comes from all that it is computed from."""

    def __init__(self) -> None:
        super().__init__()
        self._names: dict[int, tuple[str, ...]] = {}
        self._alive: list[Tensor] = []  # so that no two tensors share an id

    def name(self, tensor: Tensor, name: str) -> None:
        """From now on `tensor` comes from the layer `name`."""
        self._keep(tensor, (name,))

    def of(self, values: object) -> tuple[str, ...]:
        """Names of the layers that all tensors in `values` come from; constants have none."""
        found = (name for tensor in tensors(values) for name in self._names.get(id(tensor), ()))
        return tuple(dict.fromkeys(found))

    def _keep(self, tensor: Tensor, names: tuple[str, ...]) -> None:
        self._names[id(tensor)] = names
        self._alive.append(tensor)

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        made = func(*args, **(kwargs or {}))
        names = self.of((args, kwargs))
        if names:
            for tensor in tensors(made):
                self._keep(tensor, names)
        return made


def tensors(values: object) -> list[Tensor]:
    """All tensors in `values`, through tuples, lists and mappings, in their order."""
    if isinstance(values, Tensor):
        return [values]
    if isinstance(values, Mapping):
        values = tuple(values.values())
    if isinstance(values, tuple | list):
        return [tensor for value in values for tensor in tensors(value)]
    return []
