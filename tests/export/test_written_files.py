"""Files for other runtimes give the numbers of the network, for sets of any size."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import eqsets
from eqsets import DSS, SetNetwork, element_group, export

pytest.importorskip("onnxscript")
onnxruntime = pytest.importorskip("onnxruntime")

EDGES = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])
KINDS = [("sum", "shared"), ("max", "shared"), ("mean", "independent"), ("sridhar", "shared")]
NETWORKS: dict[str, Callable[[], tuple[nn.Module, dict[str, Any]]]] = {
    "max": lambda: (DSS("trivial", 2, 4, aggregation="max"), {}),
    "translations": lambda: (
        DSS("translations", 2, 4, kernel_size=3, alignment="independent"),
        {"element_sizes": (6, 7)},
    ),
    "planar": lambda: (
        DSS(element_group("planar", rotations=4), 2, "2 regular", kernel_size=3),
        {"element_sizes": (7, 7)},
    ),
    "spatial": lambda: (DSS("spatial", "2x0e + 1x1o", "2x0e + 2x1o"), {}),
    "graphs": lambda: (
        DSS("permutations", 2, 3, conv="gcn"),
        {"element_sizes": (3,), "structure": EDGES},
    ),
    "attention": lambda: (
        SetNetwork("trivial", [3, 4], set_pool="gated-attention"),
        {"return_weights": True},
    ),
}


def session(path: Path) -> Any:
    return onnxruntime.InferenceSession(str(path))


@pytest.mark.slow
def test_a_ragged_network_in_onnxruntime(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = SetNetwork("trivial", [2, 8, 8], normalization="element", readout=3).train()
    path = tmp_path / "network.onnx"
    report = export(network, path, layout="ragged")
    assert network.training
    assert report.error is not None
    assert report.error < 1e-5
    assert report.inputs == {"values": ("elements", 2), "counts": ("batch",)}
    assert report.outputs == {"y": ("batch", 3)}
    runtime = session(path)
    assert [one.shape for one in runtime.get_inputs()] == [["elements", 2], ["batch"]]
    sets = [torch.randn(n, 2) for n in (1, 9, 4)]
    counts = torch.tensor([len(one) for one in sets])
    (y,) = runtime.run(None, {"values": torch.cat(sets).numpy(), "counts": counts.numpy()})
    expected = torch.cat([network.eval()(one[None]) for one in sets])
    torch.testing.assert_close(torch.from_numpy(y), expected.detach(), atol=1e-5, rtol=1e-4)


@pytest.mark.slow
def test_edges_are_an_input(tmp_path: Path) -> None:
    network = SetNetwork("permutations", [2, 4], conv="gin", readout=2).eval()
    path = tmp_path / "graphs.onnx"
    report = export(network, path, layout="padded", element_sizes=(3,), structure=EDGES)
    assert report.inputs["structure"] == (2, "structure_1")
    x, mask = torch.randn(2, 4, 3, 2), torch.ones(2, 4, dtype=torch.bool)
    mask[0, 2:] = False
    for edges in (EDGES[:, :3], torch.tensor([[0, 2, 1, 1, 0], [2, 0, 1, 0, 1]])):
        given = {"x": x.numpy(), "mask": mask.numpy(), "structure": edges.numpy()}
        expected = network(x, mask, structure=edges).detach()
        y = torch.from_numpy(session(path).run(None, given)[0])
        torch.testing.assert_close(y, expected, atol=1e-5, rtol=1e-4)


def test_a_torch_program_uses_operators_of_torch_alone(tmp_path: Path) -> None:
    network = DSS("permutations", 2, 3, conv="gcn")
    path = tmp_path / "graphs.pt2"
    report = export(network, path, target="torch", element_sizes=(3,), structure=EDGES)
    assert report.error == pytest.approx(0.0, abs=1e-6)
    program = torch.export.load(path)
    operators = {str(node.target) for node in program.graph.nodes if node.op == "call_function"}
    assert not [name for name in operators if "eqsets" in name]


@pytest.mark.slow
def test_an_aot_package(tmp_path: Path) -> None:
    torch.manual_seed(0)
    path = tmp_path / "layer.pt2"
    report = export(DSS("trivial", 3, 2), path, target="aot", layout="padded")
    assert report.error is not None
    assert report.error < 1e-5


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_every_kind_of_element_in_onnxruntime(name: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network, options = NETWORKS[name]()
    report = export(network, tmp_path / "network.onnx", layout="padded", **options)
    assert report.error is not None
    assert report.error < 1e-5


@pytest.mark.slow
@pytest.mark.parametrize(("aggregation", "alignment"), KINDS)
def test_every_aggregation_in_onnxruntime(aggregation: str, alignment: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    ring = eqsets.element_group("cyclic", size=3)
    layer = DSS(ring, 2, 4, aggregation=aggregation, alignment=alignment)
    report = export(layer, tmp_path / "layer.onnx", layout="ragged")
    assert report.error is not None
    assert report.error < 1e-5


def test_a_structure_of_each_element(tmp_path: Path) -> None:
    class Scaled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = DSS("trivial", 2, 3)

        def forward(self, x: Tensor, *, structure: Tensor) -> Tensor:
            y: Tensor = self.layer(x * structure[..., None])
            return y

    module = Scaled()
    report = export(
        module,
        tmp_path / "scaled.pt2",
        target="torch",
        in_type=module.layer.in_type,
        structure=lambda x: torch.rand(x.shape[:2]),
    )
    assert report.inputs["structure"] == ("batch", "size")


def test_a_graph_of_each_set_as_a_tensor(tmp_path: Path) -> None:
    from eqsets_permutations import Edges

    class GraphOfEachSet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = DSS("permutations", 2, 3, conv="gcn")

        def forward(self, x: Tensor, *, structure: Tensor) -> Tensor:
            y: Tensor = self.network(x, structure=Edges(structure, blocks=x.shape[0], nodes=3))
            return y

    module = GraphOfEachSet()
    report = export(
        module,
        tmp_path / "graphs.pt2",
        target="torch",
        in_type=module.network.in_type,
        element_sizes=(3,),
        structure=lambda x: Edges.stack([EDGES] * x.shape[0], nodes=3).index,
    )
    assert report.inputs["structure"] == (2, "structure_1")
