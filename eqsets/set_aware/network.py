r"""A trained network of single elements as a network of sets.

Requirements that shaped this module:

- the network's own ``forward`` runs, whatever it does: it is given the elements of all sets as one
  batch of rows, and modules in it are replaced, not its code;
- at the start the numbers are those of the network on each element;
- nothing that has weights is left out silently.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from eqsets.dss import ALIGNMENTS
from eqsets.errors import FeatureTypeError, OptionError, ShapeError, choices
from eqsets.layout import Layout, as_rows
from eqsets.registry import element_group as resolve
from eqsets.set_aware.layer import Calls, SetAwareLayer, copied
from eqsets.set_aware.selection import Part, select
from eqsets.sets import SetBatch
from eqsets.symmetry import ElementSymmetry
from eqsets.tensors.storage import append_axes

__all__ = ["SetAware", "set_aware"]


class SetAware(nn.Module):
    """A network of sets around a network of single elements; :func:`set_aware` makes it.

    Attributes:
        network: the network, with layers of sets in it.
        converted: paths of the modules that are layers of sets now.
        by_element: paths of the other modules with weights, which act on each element separately.
    """

    keeps_set = True

    def __init__(
        self,
        network: nn.Module,
        symmetry: ElementSymmetry,
        calls: Calls,
        converted: tuple[str, ...],
        by_element: tuple[str, ...],
    ) -> None:
        super().__init__()
        self.network, self.symmetry, self.calls = network, symmetry, calls
        self.converted, self.by_element = converted, by_element

    def forward(
        self, x: Tensor | SetBatch, mask: Tensor | None = None, *, structure: Any = None
    ) -> Any:
        """Map a batch of sets; every tensor that the network returns becomes one of sets.

        Arguments:
            x: ``(B, N, *element)``, or a :class:`~eqsets.SetBatch` of such elements.
            mask: ``(B, N)`` bool, True = present; the output is zero where it is False.
            structure: side information, for symmetries that use it (edges of a graph).

        Raises:
            ShapeError: shape of ``x`` or ``mask`` do not fit, a set is empty, or the network
                returns tensors with another number of rows.
        """
        layout, rows = as_rows(x, mask, None, "SetAware")
        if layout.parts is not None:
            raise ShapeError(
                "SetAware got elements of unequal numbers of parts, expected elements of one size "
                "in each call: the network was written for single elements (E, *element). Use a "
                "SetBatch of elements of one size, or layers of eqsets."
            )
        if mask is not None and not isinstance(x, SetBatch):
            if self.training and _has_statistics(self.network):
                return self._without_padding(x, mask, structure)
            # no row is all zero: a division by its length would have no gradient
            first = mask.to(torch.int8).argmax(1)
            filling = x[torch.arange(x.shape[0], device=x.device), first][:, None]
            rows = torch.where(append_axes(mask, x), x, filling).reshape(rows.shape)
        return pytree.tree_map(lambda y: _restored(layout, y), self._run(layout, rows, structure))

    def _run(self, layout: Layout, rows: Tensor, structure: Any) -> Any:
        before = self.calls.current
        call = self.calls.current = self.symmetry.set_call(layout, rows, structure)
        try:
            return self.symmetry.call_model(self.network, rows, call)
        finally:
            self.calls.current = before

    def _without_padding(self, x: Tensor, mask: Tensor, structure: Any) -> Any:
        """Run on the rows that are present: absent ones count in no statistics of a batch."""
        number = torch.arange(x.shape[0], device=x.device)[:, None].expand(mask.shape)
        y = self(SetBatch(x[mask], number[mask], x.shape[0]), structure=structure)

        def padded(part: Any) -> Any:
            if not isinstance(part, SetBatch):
                return part
            wide = part.values.new_zeros(*mask.shape, *part.values.shape[1:])
            return wide.masked_scatter(append_axes(mask, wide), part.values)

        return pytree.tree_map(padded, y, is_leaf=lambda part: isinstance(part, SetBatch))

    def extra_repr(self) -> str:
        return f"{self.symmetry!r}, {len(self.converted)} layers of sets"


def set_aware(
    model: nn.Module,
    element_group: str | ElementSymmetry,
    *,
    alignment: str = "shared",
    layers: str | Sequence[str] | None = None,
) -> SetAware:
    r"""Return a trained network of single elements as a network of sets, with the same function.

    Every linear map :math:`A` of the element group in ``model`` becomes the layer
    :math:`A (x_i - m) + B m` with :math:`m` the mean of the set and :math:`B = A` at the start, so
    that the network of sets computes exactly what ``model`` computes on each element. Training then
    separates :math:`B` from :math:`A`, and elements depend on each other. Normalisations and
    activations act on each element separately. If ``model`` is equivariant to the element group,
    the result is equivariant to it and to reordering the set. ``model`` itself does not change.

    Arguments:
        model: takes a batch of elements ``(E, *element)`` and returns one row for each of them.
            Its ``forward`` may do anything that keeps this first axis.
        element_group: name or symmetry; says which modules are its linear maps.
        alignment: ``"shared"`` or ``"independent"``, as for :class:`~eqsets.DSS`. With independent
            alignment only what the group leaves invariant is shared.
        layers: names or patterns (``"encoder.*"``) of the modules to convert, as ``named_modules``
            has them; the others act on each element separately. ``None`` converts all linear maps,
            and refuses modules with weights of no known class.

    Raises:
        FeatureTypeError: modules with weights of no known class (the message names them), nothing
            to convert, or an unknown alignment.
        OptionError: ``model`` is no module, or ``layers`` matches nothing.

    Example:
        >>> model = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 2))
        >>> network = set_aware(model, "trivial")
        >>> network.converted
        ('0', '2')
        >>> x = torch.randn(4, 5, 3)
        >>> torch.equal(network(x), model(x.flatten(0, 1)).unflatten(0, (4, 5)))
        True
    """
    if not isinstance(model, nn.Module) or isinstance(model, torch.jit.ScriptModule):
        raise OptionError(
            f"set_aware got a model of {type(model).__name__}, expected a torch.nn.Module that is "
            "written in Python: its layers are replaced. Give it the module itself."
        )
    if alignment not in ALIGNMENTS:
        raise FeatureTypeError(
            f"set_aware got alignment={alignment!r}: {choices(alignment, ALIGNMENTS)}"
        )
    symmetry, calls = resolve(element_group), Calls()
    network = _copied(model)
    chosen, others = select(network, symmetry, layers)
    parts = list(network.modules())
    network = _replaced(network, chosen, calls, alignment)
    network_of_sets = SetAware(
        network,
        symmetry,
        calls,
        tuple(part.path for part in chosen),
        tuple(part.path for part in others),
    )
    for old, new in zip(model.modules(), parts, strict=True):
        new.train(old.training)  # from the outside to the inside: parts may have modes of their own
    for layer in network_of_sets.modules():
        if isinstance(layer, SetAwareLayer):
            layer.training = layer.local.training
            layer.common.train(layer.training)
    network_of_sets.training = model.training
    return network_of_sets


def _replaced(
    network: nn.Module, chosen: Sequence[Part], calls: Calls, alignment: str
) -> nn.Module:
    """Return the network with layers of sets for some of its modules, wherever these occur."""
    memo: dict[int, Any] = {}
    layers: dict[int, nn.Module] = {}
    for part in chosen:
        if part.conversion is None:
            raise AssertionError("a module that is converted has a conversion")
        common = copied(part.module, memo)
        layers[id(part.module)] = SetAwareLayer(
            part.module, common, part.conversion, calls, part.path, alignment
        )
    for parent in list(network.modules()):
        for name, child in parent._modules.items():
            if child is not None and id(child) in layers:
                parent._modules[name] = layers[id(child)]
    return layers.get(id(network), network)


def _copied(model: nn.Module) -> nn.Module:
    """Return a copy of a network; in training mode where others cannot be copied.

    Layers may hold results of evaluation mode, as those of escnn do, which have gradients.
    """
    try:
        return copy.deepcopy(model)
    except RuntimeError:
        modes = [(part, part.training) for part in model.modules()]
        try:
            return copy.deepcopy(model.train())
        finally:
            for part, training in modes:
                part.train(training)


def _has_statistics(network: nn.Module) -> bool:
    """Return whether rows meet in a module while training, as in batch normalisation."""
    batch_norm = torch.nn.modules.batchnorm._BatchNorm
    return any(
        isinstance(module, batch_norm) or hasattr(module, "running_mean")
        for module in network.modules()
    )


def _restored(layout: Layout, y: Any) -> Any:
    if not isinstance(y, Tensor):
        return y
    if y.dim() < 1 or y.shape[0] != layout.num_rows:
        raise ShapeError(
            f"the network of set_aware returned a tensor {tuple(y.shape)} for {layout.num_rows} "
            "elements, expected one row for each element. Reduce over elements behind the network, "
            "for example with eqsets.nn.SetPool or Readout."
        )
    return layout.restore(y)
