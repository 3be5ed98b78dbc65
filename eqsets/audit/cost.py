"""What a set network costs, by set size: :func:`cost`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from eqsets.equivariance import evaluating
from eqsets.errors import OptionError
from eqsets.features import FeatureType

__all__ = ["CostReport", "CostRow", "cost"]


@dataclass(frozen=True)
class CostRow:
    """The cost of one forward pass of one set.

    Attributes:
        size: number of elements of the set.
        operations: multiply-adds of matrix products and convolutions.
        memory: bytes of the tensors that a backward pass needs, without parameters.
    """

    size: int
    operations: int
    memory: int


@dataclass(frozen=True)
class CostReport:
    """Parameters of a network, and a row for each set size.

    Attributes:
        name: class of the network.
        parameters: number of trainable weights.
        element: shape of the elements that were tried.
        rows: costs by set size.
    """

    name: str
    parameters: int
    element: tuple[int, ...]
    rows: tuple[CostRow, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain data, for JSON."""
        return asdict(self)

    def __str__(self) -> str:
        lines = [
            f"{self.name}: {self.parameters:,} parameters, elements {self.element}",
            f"{'set size':>8} {'multiply-adds':>16} {'for one element':>16} "
            f"{'training memory':>16}",
        ]
        for row in self.rows:
            each = row.operations // row.size
            lines.append(
                f"{row.size:>8} {row.operations:>16,} {each:>16,} {_bytes(row.memory):>16}"
            )
        return "\n".join(lines)


def cost(
    model: nn.Module,
    in_type: FeatureType | None = None,
    *,
    sizes: Sequence[int] = (1, 2, 4, 8, 16, 32),
    element_sizes: Sequence[int] | None = None,
    structure: Any = None,
) -> CostReport:
    """Count the parameters, multiply-adds and memory of a set network, for one set of each size.

    Matrix products and convolutions are counted, by ``torch.utils.flop_counter``; sums and
    activations are not. The memory is that of tensors which are stored for the backward pass.

    Arguments:
        model: a network with ``in_type``, or any that takes ``(B, N, *element)``.
        in_type: type of an element of the input; that of the model unless given.
        sizes: set sizes.
        element_sizes: sizes of the axes that the type leaves open, such as ``(64, 64)``.
        structure: side information that the network takes.

    Raises:
        FeatureTypeError: the type does not take these element sizes.
        OptionError: the model declares no input type and none is given, or a size is no positive
            whole number.

    Example:
        >>> from eqsets import SetNetwork
        >>> report = cost(SetNetwork("translations", [3, 8], readout=2), element_sizes=(16, 16))
        >>> [row.size for row in report.rows]
        [1, 2, 4, 8, 16, 32]
    """
    in_type = in_type or getattr(model, "in_type", None)
    if not isinstance(in_type, FeatureType):
        raise OptionError(
            f"cost got {type(model).__name__} with in_type={in_type!r}, expected the type of an "
            "element of the input. Pass it as in_type."
        )
    if not sizes:
        raise OptionError(
            f"cost got sizes={tuple(sizes)!r}, expected at least one set size. Write for example "
            "sizes=(1, 8)."
        )
    for size in sizes:
        if isinstance(size, bool) or not isinstance(size, int) or size < 1:
            raise OptionError(
                f"cost got the set size {size!r}, expected whole numbers of at least 1."
            )
    if element_sizes is not None:
        in_type = in_type.with_sizes(*element_sizes)
    weight = next(model.parameters(), torch.zeros(()))
    rows = []
    for size in sizes:
        x = in_type.sample(1, size, generator=torch.Generator().manual_seed(0)).to(weight)
        rows.append(_row(model, x, structure))
    trainable = sum(p.numel() for p in model.parameters() if p.requires_grad)
    return CostReport(type(model).__name__, trainable, tuple(x.shape[2:]), tuple(rows))


def _row(model: nn.Module, x: Tensor, structure: Any) -> CostRow:
    own = {p.data_ptr() for p in [*model.parameters(), *model.buffers()]}
    stored: dict[int, int] = {}

    def store(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            stored[storage.data_ptr()] = storage.nbytes()
        return tensor

    side = {} if structure is None else {"structure": structure}
    # Not at the top: where triton is installed, as with torch for CUDA, this imports it.
    from torch.utils.flop_counter import FlopCounterMode

    counter = FlopCounterMode(display=False)
    with (
        evaluating(model),
        torch.enable_grad(),
        counter,
        torch.autograd.graph.saved_tensors_hooks(store, lambda tensor: tensor),
    ):
        result = model(x, **side)
    del result  # it holds the tensors that were counted
    return CostRow(x.shape[1], counter.get_total_flops() // 2, sum(stored.values()))


def _bytes(count: int) -> str:
    value = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024 or unit == "GiB":
            break
        value /= 1024
    return f"{value:.4g} {unit}"
