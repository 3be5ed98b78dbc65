"""Attention pooling: the published formula, weights in every layout, heads, bags of graphs."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import eqsets
from eqsets import FeatureTypeError, SetBatch, element_group
from eqsets.aggregation import GatedAttention
from eqsets.nn import Readout, SetPool

RING = element_group("cyclic", size=4)
MASK = torch.tensor([[True, False, True], [True, True, True]])


def sets(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


@pytest.mark.parametrize("gated", [True, False])
def test_equations_8_and_9_of_the_paper(gated: bool) -> None:
    torch.manual_seed(0)
    pool = SetPool(RING, 2, GatedAttention(gated=gated)).double()
    x = sets(1, 3, 4, 2)
    y, weights = pool(x, return_weights=True)
    weigh, means = pool.weigh, x.mean(2)[0]
    scores = []
    for u in means:  # the invariants of the ring: means of the channels
        hidden = torch.tanh(weigh.value.weight @ u + weigh.value.bias)
        if gated:
            hidden = hidden * torch.sigmoid(weigh.gate.weight @ u + weigh.gate.bias)
        scores.append(weigh.score.weight[0] @ hidden)
    expected = torch.stack(scores).exp() / torch.stack(scores).exp().sum()
    assert torch.allclose(weights[0, :, 0], expected)
    assert torch.allclose(y[0], sum(a * member for a, member in zip(expected, x[0], strict=True)))


@pytest.mark.parametrize("kind", ["pool", "readout"])
@pytest.mark.parametrize("heads", [1, 3])
def test_weights_in_every_layout(kind: str, heads: int) -> None:
    form = GatedAttention(heads)
    end: nn.Module = SetPool(RING, 2, form) if kind == "pool" else Readout(RING, 2, 5, form)
    end, x = end.double(), sets(2, 3, 4, 2)
    y, weights = end(torch.where(MASK[..., None, None], x, torch.nan), MASK, return_weights=True)
    assert weights.shape == (2, 3, heads)
    assert torch.allclose(weights.sum(1), torch.ones(2, heads, dtype=torch.float64))
    assert not weights[0, 1].any()
    order = torch.tensor([4, 0, 3, 1, 2])
    batch = SetBatch(x[MASK][order], torch.tensor([0, 0, 1, 1, 1])[order], 2)
    ragged, rows = end(batch, return_weights=True)
    assert torch.allclose(ragged, y, atol=1e-12)
    assert torch.equal(rows.index, batch.index)
    assert torch.allclose(rows.values, weights[MASK][order], atol=1e-12)
    alone, own = end(x[:1, MASK[0]], return_weights=True)
    assert torch.allclose(alone[0], y[0], atol=1e-12)
    assert torch.allclose(own[0], weights[0, MASK[0]], atol=1e-12)


def test_several_heads() -> None:
    x, heads = sets(2, 3, 4, 2), GatedAttention(3)
    y, weights = SetPool(RING, 2, heads).double()(x, return_weights=True)
    assert torch.allclose(y, torch.einsum("bnk,bnpc->bpc", weights, x) / 3)
    readout = Readout(RING, 2, 5, heads).double()
    y, weights = readout(x, return_weights=True)
    sums = torch.einsum("bnk,bnc->bkc", weights, x.mean(2)).flatten(1)
    assert torch.allclose(y, readout.linear(sums))


def test_attention_by_name_is_gated_with_one_head_and_survives_a_file() -> None:
    pool = SetPool(RING, 2, "attention")
    result = eqsets.from_dict(eqsets.to_dict(pool))
    assert repr(result) == repr(pool)
    assert pool.weigh.heads == 1
    assert pool.weigh.gate is not None


def test_a_network_returns_the_weights_of_its_end() -> None:
    x = sets(2, 3, 4, 2).float()
    for end in ({"set_pool": "attention"}, {"readout": 5, "readout_aggregation": "attention"}):
        network = eqsets.SetNetwork(RING, [2, 4, 4], **end).eval()
        y, weights = network(x, MASK, return_weights=True)
        assert torch.equal(y, network(x, MASK))
        assert torch.allclose(weights.sum(1), torch.ones(2, 1))
    y, weights, scores = network(x, MASK, return_weights=True, return_scores=True)
    assert scores.shape == (2, 3, 5)
    layer = eqsets.SetNetwork(RING, [2, 4], aggregation="attention")
    assert layer(x, return_weights=True)[1].shape == (2, 3, 3, 4)


def test_weights_of_a_mean_are_refused() -> None:
    for end in (SetPool(RING, 2), Readout(RING, 2, 5, "max")):
        with pytest.raises(FeatureTypeError, match=r"return_weights=True .* 'attention'"):
            end(sets(1, 2, 4, 2).float(), return_weights=True)


def test_graphs_of_a_bag_are_weighed_whatever_their_size() -> None:
    from torch_geometric.data import Batch, Data

    from eqsets_permutations.subgraphs.bags import as_sets, bag

    torch.manual_seed(0)
    ring = torch.tensor([[0, 1, 2], [1, 2, 0]])
    graphs = [Data(x=torch.randn(n, 2), edge_index=ring) for n in (3, 5, 4)]
    sets, structure = as_sets(
        Batch.from_data_list([bag(part, shared_nodes=False) for part in (graphs[:2], graphs[2:])])
    )
    readout = Readout("permutations", 2, 3, "attention")
    y, weights = readout(sets, structure=structure, return_weights=True)
    assert y.shape == (2, 3)
    assert weights.index.tolist() == [0, 0, 1]
    assert torch.allclose(weights.values[2], torch.ones(1))
    layer = eqsets.DSS("permutations", 2, 4, aggregation="attention", alignment="independent")
    rows, pairs = layer(sets, structure=structure, return_weights=True)
    assert rows.values.shape == (12, 1, 4)
    assert pairs.values.shape == (3, 2, 4)
    assert torch.allclose(pairs.values.sum(1), torch.ones(3, 4))


def test_graphs_on_shared_nodes_attend_as_dense_sets_do() -> None:
    from torch_geometric.data import Data

    from eqsets_permutations.subgraphs.bags import as_sets, bag

    torch.manual_seed(0)
    ring = torch.tensor([[0, 1, 2], [1, 2, 0]])
    x = torch.randn(2, 3, 2)
    sets, structure = as_sets(bag([Data(x=each, edge_index=ring) for each in x]))
    layer = eqsets.DSS("permutations", 2, 4, aggregation="attention", conv="graph")
    dense = layer(x[None], structure=ring)[0].flatten(0, 1)
    assert torch.allclose(layer(sets, structure=structure).values[:, 0], dense, atol=1e-5)
    pool = SetPool("permutations", 2, "attention")
    nodes = pool(sets, structure=structure)
    assert torch.allclose(nodes[:, 0], pool(x[None], structure=ring)[0], atol=1e-5)
