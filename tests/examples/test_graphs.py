"""Graphs for bags of subgraphs: MUTAG as it is, and pairs that are what they claim to be."""

from __future__ import annotations

import itertools

import networkx as nx
import pytest
import torch
from torch_geometric.data import Batch

import bags_of_subgraphs
from eqsets_permutations.subgraphs.esan import DSSGNN
from eqsets_permutations.subgraphs.policies import NodeDeleted
from experiments import count_parameters
from experiments.data.graphs import (
    cai_fuerer_immerman,
    indistinguishable,
    loops,
    read_mutag,
    refinement_classes,
    reordered,
    stratified_folds,
    to_data,
)

BASES = [*loops(1, 6), *loops(2, 5), nx.complete_graph(4)]


def to_networkx(data):
    graph = nx.empty_graph(len(data.x))
    graph.add_edges_from(data.edge_index.T.tolist())
    return graph


def test_mutag_is_read_whole():
    graphs, labels = read_mutag()
    assert len(graphs) == 188
    assert labels.bincount().tolist() == [63, 125]
    sizes = [len(graph.x) for graph in graphs]
    assert (min(sizes), max(sizes), sum(sizes)) == (10, 28, 3371)
    for graph in graphs:
        assert graph.x.shape[1] == 7
        assert (graph.x.sum(1) == 1).all()
        assert nx.is_connected(to_networkx(graph)), "a molecule"
        assert graph.edge_index.max() < len(graph.x)
    assert sum(graph.edge_index.shape[1] for graph in graphs) == 7442


def test_folds_are_of_equal_size_and_mix():
    labels = read_mutag()[1]
    fold = stratified_folds(labels, 10, seed=0)
    assert set(fold.bincount().tolist()) == {18, 19}
    assert set(fold[labels == 0].bincount().tolist()) == {6, 7}
    assert not torch.equal(fold, stratified_folds(labels, 10, seed=1))


@pytest.mark.parametrize("seed", [0, 9, 12])
def test_a_fold_is_tested_the_next_chooses_and_eight_are_trained_on(seed):
    sets = bags_of_subgraphs.mutag("MUTAG", seed)
    trained = set(sets.draw(4000, torch.Generator().manual_seed(0))[0].tolist())
    validated, tested = set(sets.validation[0].tolist()), set(sets.test[0].tolist())
    assert len(trained) + len(validated) + len(tested) == 188
    assert trained | validated | tested == set(range(188))


def test_ten_seeds_test_every_graph_once():
    tested = [bags_of_subgraphs.mutag("MUTAG", seed).test[0] for seed in range(10, 20)]
    assert torch.cat(tested).sort().values.tolist() == list(range(188))


@pytest.mark.parametrize("base", BASES, ids=lambda base: f"{len(base)}-{base.size()}")
def test_pairs_are_indistinguishable_and_not_isomorphic(base):
    straight, twisted = (cai_fuerer_immerman(base, kind) for kind in (False, True))
    assert indistinguishable(straight, twisted)
    assert not nx.is_isomorphic(straight, twisted)


def test_it_does_not_matter_where_the_twist_is():
    """The negative control: two twists of one kind are isomorphic."""
    base = nx.cycle_graph(4)
    other = nx.relabel_nodes(base, {0: 2, 1: 3, 2: 0, 3: 1})
    assert nx.is_isomorphic(cai_fuerer_immerman(base, True), cai_fuerer_immerman(other, True))


def test_over_a_loop_a_pair_is_one_loop_against_two():
    straight, twisted = (cai_fuerer_immerman(nx.cycle_graph(5), kind) for kind in (False, True))
    assert nx.is_isomorphic(twisted, nx.cycle_graph(10))
    assert nx.is_isomorphic(straight, nx.disjoint_union(nx.cycle_graph(5), nx.cycle_graph(5)))


def test_colour_refinement_distinguishes_others():
    """The negative control: a path and a star have as many nodes and edges."""
    assert not indistinguishable(nx.path_graph(4), nx.star_graph(3))
    assert not indistinguishable(nx.path_graph(6), nx.path_graph(5))
    assert indistinguishable(nx.path_graph(6), nx.path_graph(6))
    ours = nx.random_regular_graph(3, 8, seed=0), nx.random_regular_graph(3, 8, seed=1)
    assert indistinguishable(*ours)


def test_the_graphs_to_classify_are_such_pairs():
    graphs = bags_of_subgraphs.GRAPHS["pairs"]()
    assert len(graphs) == 4 * bags_of_subgraphs.PAIRS
    for number in (0, 22, 2 * bags_of_subgraphs.PAIRS):
        first, second = (to_networkx(graphs[number + k]) for k in (0, 1))
        assert indistinguishable(first, second)
        assert nx.number_connected_components(second) == 2, "and a tree"


def test_kinds_are_those_of_colour_refinement():
    generator = torch.Generator().manual_seed(0)
    graphs = [cai_fuerer_immerman(base, twisted) for base in BASES for twisted in (False, True)]
    again = [reordered(to_data(graph), generator) for graph in graphs]
    kind = refinement_classes([*map(to_data, graphs), *again]).view(2, -1, 2)
    assert torch.equal(kind[0], kind[1]), "the order of nodes does not matter"
    for i, j in itertools.combinations(range(len(graphs)), 2):
        same = bool(kind[0].flatten()[i] == kind[0].flatten()[j])
        assert same == indistinguishable(graphs[i], graphs[j])


@pytest.mark.parametrize("setting", bags_of_subgraphs.SETTINGS)
def test_both_graphs_of_a_pair_are_on_the_same_side(setting):
    sets = bags_of_subgraphs.pairs(setting, 1)
    for number, label in (sets.validation, sets.test):
        pairs = number.view(-1, 2)
        assert torch.equal(pairs[:, 0] // 2, pairs[:, 1] // 2)
        assert label.view(-1, 2).tolist() == [[0, 1]] * len(pairs)
    graphs = bags_of_subgraphs.GRAPHS["pairs"]()
    trained = sets.draw(2000, torch.Generator().manual_seed(0))[0].unique()
    kind = refinement_classes(graphs)
    for number, _ in (sets.validation, sets.test):
        assert set(kind[number].tolist()).isdisjoint(kind[trained].tolist()), "seen before"
    held = {*sets.validation[0].tolist(), *sets.test[0].tolist()}
    assert len(held) == len(sets.validation[0]) + len(sets.test[0])
    assert held.isdisjoint(sets.draw(2000, torch.Generator().manual_seed(0))[0].tolist())


def gap(base: nx.Graph, layers: int) -> float:
    """Relative difference of the outputs of an untrained DSS-GNN for a pair, in float64."""
    torch.manual_seed(0)
    model = DSSGNN(1, 16, hidden=8, layers=layers, normalization=None).double()
    for weight in model.parameters():  # far from zero, so that differences do not shrink
        weight.data *= 2
    graphs = [to_data(cai_fuerer_immerman(base, twisted)) for twisted in (False, True)]
    for graph in graphs:
        graph.x = graph.x.double()
    with torch.no_grad():
        first, second = model(Batch.from_data_list([NodeDeleted()(graph) for graph in graphs]))
    return float((first - second).norm() / first.norm())


def test_two_loops_are_far_harder_and_some_pairs_are_beyond_the_model():
    """The statement of docs/results.md about the pairs over two loops."""
    one, two = [gap(base, 5) for base in loops(1, 6)], [gap(base, 5) for base in loops(2, 4)]
    assert min(one) > 1e-5
    assert max(one) > 1e-2
    assert 1e-12 < two[0] < 1e-3, "the smallest: two loops of three"
    assert max(two[1:]) < 1e-5, "five layers do not reach around larger ones"
    assert gap(loops(2, 4)[1], 10) > 1e-5, "ten layers do"
    assert gap(nx.complete_graph(4), 10) < 1e-12, "and no depth reaches three loops"


def test_reordering_keeps_a_graph():
    data = to_data(cai_fuerer_immerman(loops(2, 4)[1], True))
    moved = reordered(data, torch.Generator().manual_seed(0))
    assert nx.is_isomorphic(to_networkx(data), to_networkx(moved))
    assert not torch.equal(data.edge_index, moved.edge_index)


@pytest.mark.parametrize(
    "experiment", [bags_of_subgraphs.MUTAG, bags_of_subgraphs.PAIRS_EXPERIMENT]
)
def test_networks_are_of_one_size(experiment):
    for build in experiment.models.values():
        assert count_parameters(build()) == pytest.approx(bags_of_subgraphs.BUDGET, rel=0.05)


@pytest.mark.parametrize("name", bags_of_subgraphs.MODELS)
def test_gin_gives_one_answer_for_both_graphs_of_a_pair(name):
    torch.manual_seed(0)
    model = bags_of_subgraphs.PAIRS_EXPERIMENT.models[name]().eval()
    with torch.no_grad():
        first, second = model(torch.tensor([0, 1]))
    gap = float((first - second).norm() / first.norm())
    assert gap < 1e-6 if name == "gin" else gap > 1e-6
    assert bags_of_subgraphs.error(model) < 1e-5
