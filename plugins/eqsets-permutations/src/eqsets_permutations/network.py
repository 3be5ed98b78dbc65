"""A network on graphs with embeddings, a virtual node, residuals and jumps."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from eqsets import (
    DSS,
    Construction,
    ElementSymmetry,
    FeatureTypeError,
    SetBatch,
    SetNetwork,
    register_module,
)
from eqsets import element_group as resolve
from eqsets.errors import choices
from eqsets.layout import as_rows
from eqsets.nn import SetSequential
from eqsets.structure import Structure
from eqsets_permutations.categories import CategoryEmbedding
from eqsets_permutations.features import NodeFeatures
from eqsets_permutations.layers.virtual_node import SCOPES, VirtualNode

__all__ = ["JUMPS", "GraphNetwork"]

JUMPS = ("cat", "last", "max", "sum")


@register_module("GraphNetwork")
class GraphNetwork(nn.Module):
    r"""Stack DSS layers on graphs, with embeddings, a virtual node, residuals and jumps.

    .. math:: h_0 = E[x], \qquad
              h_{l+1} = \sigma(\mathrm{norm}(L_l(h_l + v_l))) + [h_l + v_l], \qquad
              y = \mathrm{jump}(h_1, \dots, h_L)

    with :math:`v_l` the state of the virtual node and the bracket the residual. The layers, their
    norms, nonlinearities and the read-out are those of :class:`~eqsets.SetNetwork`; with no option
    of this class it computes what that network computes. It takes the same inputs: dense, padded
    and ragged sets, and bags by :class:`~eqsets_permutations.OnBags`.

    References:
        Representation Learning on Graphs with Jumping Knowledge Networks, Xu et al., ICML 2018,
        https://arxiv.org/abs/1806.03536. For the virtual node see
        :class:`~eqsets_permutations.layers.virtual_node.VirtualNode`.

    Arguments:
        element_group: ``"permutations"`` or a symmetry of its own.
        features: features of nodes from the input to the output, such as ``[3, 32, 32]``. With
            ``node_categories`` the first is the width of the embeddings.
        node_categories: number of categories of each column of the nodes, which are then whole
            numbers ``(P, columns)``: see :class:`~eqsets_permutations.CategoryEmbedding`.
        virtual_node: ``"element"``: one for each graph; ``"set"``: one for each set; or ``None``.
        residual: add the input of a layer to its output, where both have the same width.
        jumping_knowledge: what follows the layers: ``"last"``, the output of the last; ``"max"`` or
            ``"sum"`` over the outputs of all layers; ``"cat"``: all outputs next to each other,
            mapped to the width of the last.
        options: of :class:`~eqsets.SetNetwork`, such as ``readout=`` and ``normalization=``, and of
            its layers, such as ``conv="gine"`` and ``edge_categories=[4]``. ``set_pool`` is not
            among them: use a read-out.

    Raises:
        FeatureTypeError: an option is unknown, has no effect, or does not fit the widths.

    Example:
        >>> network = GraphNetwork(
        ...     "permutations",
        ...     [16, 16, 16],
        ...     node_categories=[28],
        ...     virtual_node="element",
        ...     residual=True,
        ...     jumping_knowledge="cat",
        ...     conv="gin",
        ...     readout=1,
        ... )
        >>> atoms = torch.randint(28, (2, 5, 3, 1))  # 2 sets of 5 graphs of 3 atoms
        >>> network(atoms, structure=torch.tensor([[0, 1], [1, 2]])).shape
        torch.Size([2, 1])
    """

    def __init__(
        self,
        element_group: str | ElementSymmetry,
        features: Sequence[Any],
        *,
        node_categories: Sequence[int] | None = None,
        virtual_node: str | None = None,
        residual: bool = False,
        jumping_knowledge: str = "last",
        **options: Any,
    ) -> None:
        super().__init__()
        self.symmetry = resolve(element_group)
        if options.get("set_pool") is not None:
            raise FeatureTypeError(
                f"GraphNetwork got set_pool={options['set_pool']!r}, expected none: it ends in a "
                "read-out or keeps the set. Put eqsets.nn.SetPool behind it."
            )
        network = SetNetwork(self.symmetry, features, **options)
        call = network.construction
        types = call.types["features"]
        _require_nodes(types)
        _check_options(virtual_node, residual, jumping_knowledge, [one.count for one in types])
        self.virtual_node, self.residual = virtual_node, residual
        self.jumping_knowledge = jumping_knowledge
        embedding = None
        if node_categories is not None:
            embedding = CategoryEmbedding(self.symmetry, node_categories, types[0])
        self.construction = Construction(
            GraphNetwork,
            self.symmetry,
            {"features": types},
            {
                **{key: value for key, value in call.arguments.items() if key != "set_pool"},
                "node_categories": None if node_categories is None else list(node_categories),
                "virtual_node": virtual_node,
                "residual": residual,
                "jumping_knowledge": jumping_knowledge,
            },
            call.options,
        )
        self.embedding = embedding
        self.blocks: SetSequential = network.blocks
        widths = [one.count for one in types]
        states = None
        if virtual_node is not None:
            formers = [0, *widths[:-2]]
            states = nn.ModuleList(
                VirtualNode(width, former, virtual_node)
                for width, former in zip(widths[:-1], formers, strict=True)
            )
        self.virtual_nodes = states
        cat = jumping_knowledge == "cat"
        self.joint = nn.Linear(sum(widths[1:]), widths[-1]) if cat else nn.Identity()
        self.in_type = self.blocks.in_type if embedding is None else embedding.in_type
        self.out_type, self.keeps_set = self.blocks.out_type, self.blocks.keeps_set

    def forward(
        self, x: Tensor | SetBatch, mask: Tensor | None = None, *, structure: Any = None
    ) -> Any:
        """Map ``x: (B, N, P, C)``, a SetBatch or a PartBatch; see :class:`~eqsets.SetNetwork`.

        Raises:
            ShapeError: shapes or edges do not fit, or a category is out of range.
        """
        side = self.symmetry.structure(structure)  # once for all layers
        if self.embedding is not None:
            x = self.embedding(x, mask)
        layers, end = self._layers()
        outputs, state = [], None
        for position, layer in enumerate(layers):
            if self.virtual_nodes is not None:
                x, state = self._fed(self.virtual_nodes[position], x, mask, state, side)
            y = x
            for module in layer:
                y = module(y, mask, structure=side)
            if self.residual and _width(layer[0].in_type) == _width(layer[0].out_type):
                y = y + self._present(x, mask)
            outputs.append(y)
            x = y
        result = self._jumped(outputs, mask)
        return result if end is None else end(result, mask, structure=side)

    def _layers(self) -> tuple[list[list[Any]], nn.Module | None]:
        """Return each layer with what follows it, and the read-out."""
        *modules, last = self.blocks.layers
        end = None if getattr(last, "keeps_set", True) and _has_nodes(last) else last
        layers: list[list[Any]] = []
        for module in modules if end is not None else self.blocks.layers:
            if isinstance(module, DSS):
                layers.append([])
            layers[-1].append(module)
        return layers, end

    def _fed(
        self,
        node: nn.Module,
        x: Tensor | SetBatch,
        mask: Tensor | None,
        state: Tensor | None,
        side: Structure,
    ) -> tuple[Tensor | SetBatch, Tensor]:
        layout, rows = as_rows(x, mask, None, "GraphNetwork")
        rows, state = node(rows, state, layout, side)
        return layout.restore(rows), state

    def _present(self, x: Tensor | SetBatch, mask: Tensor | None) -> Tensor | SetBatch:
        """Return features that are zero where elements or nodes are absent."""
        if mask is None or not isinstance(x, Tensor):
            return x
        layout, rows = as_rows(x, mask, None, "GraphNetwork")
        return layout.restore(rows)

    def _jumped(self, outputs: list[Any], mask: Tensor | None) -> Any:
        last = outputs[-1]
        if self.jumping_knowledge == "last":
            return last
        values = [one.values if isinstance(one, SetBatch) else one for one in outputs]
        if self.jumping_knowledge == "max":
            joined = torch.stack(values).amax(0)
        elif self.jumping_knowledge == "sum":
            joined = torch.stack(values).sum(0)
        else:
            joined = self.joint(torch.cat(values, -1))
            if not isinstance(last, SetBatch):
                return self._present(joined, mask)
        return last.replace(joined) if isinstance(last, SetBatch) else joined

    def extra_repr(self) -> str:
        return (
            f"virtual_node={self.virtual_node!r}, residual={self.residual}, "
            f"jumping_knowledge={self.jumping_knowledge!r}"
        )


def _width(kind: Any) -> int | None:
    return kind.count if isinstance(kind, NodeFeatures) else None


def _has_nodes(module: nn.Module) -> bool:
    return isinstance(getattr(module, "out_type", None), NodeFeatures)


def _require_nodes(types: Sequence[Any]) -> None:
    for one in types:
        if not isinstance(one, NodeFeatures):
            raise FeatureTypeError(
                f"GraphNetwork got the features {one!r}, expected features of nodes. Use "
                "SetNetwork for features of pairs."
            )


def _check_options(
    virtual_node: object, residual: object, jumping_knowledge: object, widths: list[int]
) -> None:
    if virtual_node is not None and virtual_node not in SCOPES:
        raise FeatureTypeError(
            f"unknown virtual_node {virtual_node!r}: {choices(str(virtual_node), SCOPES)} "
            "Or None for no virtual node."
        )
    if not isinstance(residual, bool):
        raise FeatureTypeError(f"GraphNetwork got residual={residual!r}, expected True or False.")
    if residual and all(one != other for one, other in pairwise(widths)):
        raise FeatureTypeError(
            f"GraphNetwork got residual=True for the widths {widths}, expected at least one layer "
            "whose input has the width of its output: it would have no effect. Use equal widths."
        )
    if jumping_knowledge not in JUMPS:
        raise FeatureTypeError(
            f"unknown jumping_knowledge {jumping_knowledge!r}: "
            f"{choices(str(jumping_knowledge), JUMPS)}"
        )
    if jumping_knowledge in ("max", "sum") and len(set(widths[1:])) > 1:
        raise FeatureTypeError(
            f"GraphNetwork got jumping_knowledge={jumping_knowledge!r} for layers of the widths "
            f"{widths[1:]}, expected one width: their outputs are combined. Use 'cat', or equal "
            "widths."
        )
    if jumping_knowledge != "last" and len(widths) == 2:
        raise FeatureTypeError(
            f"GraphNetwork got jumping_knowledge={jumping_knowledge!r} for one layer, expected at "
            "least two layers: there is nothing to jump over. Leave it out."
        )
