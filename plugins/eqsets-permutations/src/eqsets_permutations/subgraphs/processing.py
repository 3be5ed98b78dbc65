"""Data sets of bags: subgraphs are made once, and drawn again in every epoch.

Requirements that shaped this module:

- a policy is a transform of PyG and stays one: as ``pre_transform=`` its bags are stored on disk;
- what is drawn is a function of seed, epoch and graph, so that the number of worker processes and
  the order of the graphs do not change it;
- a sample of a stored bag is the bag that the policy would have drawn.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from math import ceil
from typing import Any

import torch
from torch.utils.data import Dataset
from torch_geometric.data import Data
from torch_geometric.transforms import BaseTransform

from eqsets import FeatureTypeError, ShapeError
from eqsets_permutations.subgraphs.bags import BagData
from eqsets_permutations.subgraphs.policies import checked_fraction
from eqsets_permutations.subgraphs.selection import check_bag, selected_subgraphs

__all__ = ["SampledSubgraphs", "SubgraphDataset", "process_subgraphs"]


class SampledSubgraphs(BaseTransform):  # type: ignore[misc]  # torch_geometric is not typed
    """Draw a part of the subgraphs of a bag, as ``transform=`` of a data set of stored bags.

    With the generator in one state it draws what a policy with this ``fraction`` would draw. Each
    worker process of a loader has a copy of the generator, in the state it had when the loader
    started: without worker processes, or with a :class:`SubgraphDataset`, epochs differ.

    Arguments:
        fraction: part of the bag to draw, in ``(0, 1]``; at least one subgraph is drawn.
        generator: source of randomness for the draw.

    Raises:
        FeatureTypeError: ``fraction`` is out of range.

    Example:
        >>> from eqsets_permutations import NodeDeleted
        >>> ring = torch.tensor([[0, 1, 2, 1, 2, 0], [1, 2, 0, 0, 1, 2]])
        >>> bag = NodeDeleted()(Data(x=torch.ones(3, 1), edge_index=ring))
        >>> SampledSubgraphs(0.5)(bag).num_elements
        2
    """

    def __init__(self, fraction: float, *, generator: torch.Generator | None = None) -> None:
        self.fraction = checked_fraction("SampledSubgraphs", fraction)
        self.generator = generator

    def forward(self, data: BagData) -> BagData:
        """Return the bag of the subgraphs that are drawn.

        Raises:
            ShapeError: it is not one bag.
        """
        check_bag(data)
        total = int(data.num_elements)
        count = max(1, ceil(self.fraction * total))
        order = torch.randperm(total, generator=self.generator)
        return selected_subgraphs(data, order[:count].to(data.element.device))

    def __repr__(self) -> str:
        return f"SampledSubgraphs({self.fraction})"


class SubgraphDataset(Dataset[BagData]):
    """Bags of subgraphs, of which a part is drawn in each epoch.

    ``dataset[i]`` is a bag; a slice, a list or a tensor of integers or of bools gives a data set of
    these bags, which draws the same.

    Arguments:
        bags: one for each graph, with all its subgraphs.
        policy: what made them.
        fraction: part of each bag to draw, in ``(0, 1]``; 1 draws nothing and changes nothing.
        seed: with the epoch and the number of the graph it determines the draw.

    Raises:
        FeatureTypeError: ``fraction`` or ``seed`` are out of range.
    """

    def __init__(
        self,
        bags: list[BagData],
        policy: Any = None,
        *,
        fraction: float = 1.0,
        seed: int = 0,
    ) -> None:
        self.bags, self.policy = bags, policy
        self.fraction = checked_fraction("SubgraphDataset", fraction)
        self.seed = _whole("SubgraphDataset", "seed", seed)
        self.epoch = 0
        self._numbers = list(range(len(bags)))

    def set_epoch(self, epoch: int) -> None:
        """Choose the draw of an epoch; call it before the loader starts, as for samplers of torch.

        Raises:
            FeatureTypeError: it is no whole number of at least 0.
        """
        self.epoch = _whole("set_epoch", "epoch", epoch)

    def __len__(self) -> int:
        return len(self._numbers)

    def __getitem__(self, index: Any) -> Any:
        numbers = torch.tensor(self._numbers, dtype=torch.int64)
        if isinstance(index, int) and not isinstance(index, bool):
            return self._bag(self._numbers[index])
        result = SubgraphDataset(self.bags, self.policy, fraction=self.fraction, seed=self.seed)
        result._numbers = numbers[index].tolist()
        result.epoch = self.epoch
        return result

    def _bag(self, number: int) -> BagData:
        bag = self.bags[number]
        if self.fraction == 1:
            return bag
        key = f"{self.seed},{self.epoch},{number}".encode()
        digest = hashlib.blake2b(key, digest_size=8).digest()
        generator = torch.Generator().manual_seed(int.from_bytes(digest, "big") >> 1)
        drawn: BagData = SampledSubgraphs(self.fraction, generator=generator)(bag)
        return drawn

    def __repr__(self) -> str:
        return (
            f"SubgraphDataset({len(self)} bags, {self.policy!r}, fraction={self.fraction}, "
            f"seed={self.seed})"
        )


def process_subgraphs(
    graphs: Iterable[Data],
    policy: Callable[[Data], BagData],
    *,
    fraction: float = 1.0,
    seed: int = 0,
) -> SubgraphDataset:
    """Return a data set of the subgraphs of graphs, which are made once.

    The memory is that of all subgraphs: for node deletion the number of nodes times that of the
    graph. Where that is too much, use the policy with a ``fraction`` as ``transform=`` of the data
    set, which never makes the other subgraphs.

    Arguments:
        graphs: a data set of PyG or a list of ``Data``.
        policy: such as ``NodeDeleted()`` or ``EgoNets(2, marked=True)``, with all subgraphs.
        fraction: part of each bag that is drawn in each epoch.
        seed: of the draws: see :class:`SubgraphDataset`.

    Raises:
        FeatureTypeError: the policy draws a part itself, or cannot be called.
        ShapeError: there is no graph, or one does not fit the policy.

    Example:
        >>> from torch_geometric.loader import DataLoader
        >>> from eqsets_permutations import NodeDeleted
        >>> ring = torch.tensor([[0, 1, 2, 1, 2, 0], [1, 2, 0, 0, 1, 2]])
        >>> graphs = [Data(x=torch.ones(3, 1), edge_index=ring, y=k) for k in range(4)]
        >>> dataset = process_subgraphs(graphs, NodeDeleted(), fraction=0.5, seed=1)
        >>> for epoch in range(2):
        ...     dataset.set_epoch(epoch)
        ...     batch = next(iter(DataLoader(dataset, batch_size=4)))
        >>> batch.num_elements.tolist()
        [2, 2, 2, 2]
    """
    if not callable(policy):
        raise FeatureTypeError(
            f"process_subgraphs got the policy {policy!r}, expected one that can be called with a "
            "graph. Write NodeDeleted(), EdgeDeleted() or EgoNets(2)."
        )
    if getattr(policy, "fraction", 1) != 1:
        raise FeatureTypeError(
            f"process_subgraphs got {policy!r}, expected a policy with all subgraphs: they are "
            "made once, and those that it leaves out would never be seen. Give fraction= to "
            "process_subgraphs, or use the policy as transform= of the data set."
        )
    if isinstance(graphs, Data) or not isinstance(graphs, Iterable):
        raise ShapeError(
            f"process_subgraphs got {type(graphs).__name__}, expected a data set or a list of "
            "graphs. Write [graph] for one."
        )
    checked_fraction("process_subgraphs", fraction)
    bags = [policy(graph) for graph in graphs]
    if not bags:
        raise ShapeError(
            "process_subgraphs got no graph, expected at least one. Give a data set that has some."
        )
    return SubgraphDataset(bags, policy, fraction=fraction, seed=seed)


def _whole(owner: str, name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise FeatureTypeError(
            f"{owner} got {name}={value!r}, expected a whole number of at least 0. Write {name}=0."
        )
    return value
