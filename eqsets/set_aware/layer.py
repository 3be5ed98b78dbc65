r"""A trained linear map of single elements as a layer of sets.

.. math:: y_i = A x_i + (B - A)\, m = A (x_i - m) + B m, \qquad m = \frac1n \sum_j x_j

At the start :math:`B = A`: the second term is exactly zero, and the layer computes what the map
computes on each element.
"""

from __future__ import annotations

import copy
from typing import Any, NoReturn

from torch import Tensor, nn

from eqsets.errors import FeatureTypeError, ShapeError
from eqsets.symmetry.conversion import Conversion, SetCall

__all__ = ["Calls", "SetAwareLayer"]


class Calls:
    """The sets of the current call, which all layers of one network read."""

    def __init__(self) -> None:
        self.current: SetCall | None = None


class SetAwareLayer(nn.Module):
    r"""The centred layer :math:`A (x_i - m) + B m` around a trained map; see :func:`set_aware`.

    The bias is one parameter of both maps. With independent alignment only the part that the group
    leaves invariant is shared: :math:`y_i = A x_i + P (B - A) P m`, with the projection :math:`P`.

    Arguments:
        module: the trained map :math:`A`.
        common: its copy :math:`B`, with weights of its own.
        conversion: how the module is called.
        calls: shared by all layers of a network.
        path: of the module in the network, for messages.
        alignment: ``"shared"`` or ``"independent"``.
    """

    def __init__(
        self,
        module: nn.Module,
        common: nn.Module,
        conversion: Conversion,
        calls: Calls,
        path: str,
        alignment: str,
    ) -> None:
        super().__init__()
        self.local, self.common = module, common
        self.conversion, self.calls = conversion, calls
        self.path, self.alignment = path, alignment

    def forward(self, x: Any, *arguments: Any, **options: Any) -> Any:
        """Map rows as the module does, with the mean of their set.

        Raises:
            ShapeError: it is called outside of its network, or on something else than one row for
                each element.
        """
        call, conversion = self.calls.current, self.conversion
        if call is None:
            raise ShapeError(
                f"the set-aware layer {self.path!r} was called outside of its network, where the "
                "sets are not known, expected a call of the network that set_aware returned. (A "
                "checkpointed part of a network runs again in backward: leave it out by layers=.)"
            )
        if not conversion.reads_rows(call, x):
            got = tuple(x.shape) if isinstance(x, Tensor) else type(x).__name__
            raise ShapeError(
                f"the set-aware layer {self.path!r} got {got}, expected {call.layout.num_rows} "
                "rows, one for each element, on the first axis. Leave this layer out: "
                "set_aware(..., layers=[names of the others])."
            )
        y = self.local(x, *arguments, **options)
        (mean, *rest), named = conversion.reduce(self.local, call, x, arguments, options)
        if self.alignment == "independent":
            mean = conversion.invariant_part(self.local, call, mean, output=False)
        context = self.common(mean, *rest, **named) - self.local(mean, *rest, **named)
        if self.alignment == "independent":
            context = conversion.invariant_part(self.local, call, context, output=True)
        return conversion.add(call, y, context)

    @property
    def weight(self) -> NoReturn:
        """Refused: code that reads the weight of the map would leave out the set.

        Raises:
            FeatureTypeError: always.
        """
        raise FeatureTypeError(
            f"code of the network reads the weight of its layer {self.path!r} instead of calling "
            "it, expected a call: the layer is a map of sets. Leave it out by layers=."
        )

    def extra_repr(self) -> str:
        return f"alignment={self.alignment!r}"


def copied(module: nn.Module, memo: dict[int, Any]) -> nn.Module:
    """Return a copy with weights of its own, and with the same biases.

    Arguments:
        module: a linear map.
        memo: of the copies of one network, so that weights that are shared stay shared.
    """
    for name, parameter in module.named_parameters():
        if name.rpartition(".")[2] == "bias":
            memo[id(parameter)] = parameter
    return copy.deepcopy(module, memo)
