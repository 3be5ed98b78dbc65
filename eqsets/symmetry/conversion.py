r"""How modules of another library become layers of sets: what a symmetry says about them.

:func:`eqsets.set_aware` makes :math:`y_i = A x_i + (B - A)\, m` of a linear map :math:`A`, with the
mean :math:`m` of the set and a copy :math:`B` of :math:`A`. It asks the symmetry which modules are
its linear maps, and how they are called.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from eqsets.layout import Layout
from eqsets.structure import Structure

__all__ = ["STANDARD_CONVERSIONS", "Conversion", "SetCall", "class_names"]


@dataclass(frozen=True, eq=False)
class SetCall:
    """The sets that a network of single elements is called on.

    Arguments:
        layout: which rows form a set.
        structure: side information of the elements.
    """

    layout: Layout
    structure: Structure


class Conversion:
    """Classes of modules that :func:`eqsets.set_aware` knows, and how these are called on sets.

    Modules take rows ``(R, *element)`` first and return rows; a subclass changes that.

    Arguments:
        classes: full names, ``"torch.nn.modules.conv.Conv2d"``; subclasses are included. Names, so
            that nothing is imported for them.
        linear: whether the modules are linear maps, which become layers of sets; otherwise they
            act on each element separately: normalisations and activations that have weights.
        channel_axis: axis of the channels of rows; the group acts on the other axes.

    Example:
        >>> Conversion("torch.nn.modules.linear.Linear").matches(nn.Linear(2, 3))
        True
    """

    def __init__(self, *classes: str, linear: bool = True, channel_axis: int = -1) -> None:
        self.classes, self.linear, self.channel_axis = classes, linear, channel_axis

    def matches(self, module: nn.Module) -> bool:
        """Return whether the module is of one of the classes."""
        return not class_names(module).isdisjoint(self.classes)

    def reads_rows(self, call: SetCall, x: Any) -> bool:
        """Return whether the first argument of a module has one row for each element."""
        return isinstance(x, Tensor) and x.dim() > 0 and x.shape[0] == call.layout.num_rows

    def reduce(
        self, module: nn.Module, call: SetCall, x: Any, arguments: tuple[Any, ...], options: Any
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the arguments, by position and by name, of the map of the mean of each set.

        Arguments:
            module: the linear map.
            call: the sets.
            x: its first argument.
            arguments: the others by position.
            options: the others by name.
        """
        return (call.layout.mean(x), *arguments), options

    def add(self, call: SetCall, y: Any, context: Any) -> Any:
        """Return the output at each element plus what its set has."""
        return y + call.layout.spread(context)

    def invariant_part(self, module: nn.Module, call: SetCall, x: Any, *, output: bool) -> Any:
        """Return the part of features that the group leaves invariant, which broadcasts to them.

        Arguments:
            module: the linear map.
            call: the sets.
            x: its input or output.
            output: which of them.
        """
        own = (0, self.channel_axis % x.dim())
        axes = [axis for axis in range(x.dim()) if axis not in own]
        return x.mean(axes, keepdim=True).expand_as(x) if axes else x


def class_names(module: nn.Module) -> set[str]:
    """Return the full names of the class of a module and of its base classes."""
    return {f"{base.__module__}.{base.__qualname__}" for base in type(module).__mro__}


STANDARD_CONVERSIONS = (
    Conversion("torch.nn.modules.linear.Linear"),
    Conversion(
        "torch.nn.modules.activation.PReLU",
        "torch.nn.modules.batchnorm._NormBase",
        "torch.nn.modules.normalization.GroupNorm",
        "torch.nn.modules.normalization.LayerNorm",
        "torch.nn.modules.normalization.RMSNorm",
        linear=False,
    ),
)
"""What torch has for every symmetry: linear maps of channels, normalisations, activations."""
