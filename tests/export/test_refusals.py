"""What cannot be exported is named: the module, and why."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from torch import Tensor, nn

from eqsets import (
    DSS,
    ExportError,
    OptionError,
    PartBatch,
    SetNetwork,
    element_group,
    export,
    save,
)
from eqsets.cli._group import main
from eqsets.nn import Elementwise, SetSequential


class LogGamma(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.lgamma(x)


class ByItsSum(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * float(x.sum())


class OneSize(nn.Module):
    """Right for any number of rows, but torch can only follow the branch that it takes."""

    def forward(self, x: Tensor) -> Tensor:
        return x + 1 if x.shape[0] == 15 else x


class InThrees(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.reshape(3, -1).reshape(x.shape)


def around(module: nn.Module) -> SetSequential:
    return SetSequential(DSS("trivial", 2, 3), Elementwise(nn.Sequential(nn.Tanh(), module)))


@pytest.mark.parametrize(
    ("module", "target", "reason"),
    [
        pytest.param(LogGamma(), "onnx", "lgamma", marks=pytest.mark.slow),
        (ByItsSum(), "torch", "data-dependent"),
        (OneSize(), "torch", r"needs Eq\(.*, 15\)"),
        (InThrees(), "torch", r"needs Eq\(Mod\(.*, 3\), 0\)"),
    ],
    ids=lambda one: type(one).__name__ if isinstance(one, nn.Module) else None,
)
def test_the_module_and_the_reason(
    module: nn.Module, target: str, reason: str, tmp_path: Path
) -> None:
    if target == "onnx":
        pytest.importorskip("onnxscript")
    with pytest.raises(ExportError, match=reason) as caught:
        export(around(module), tmp_path / "file", target=target)
    assert f"'layers.1.module.1' ({type(module).__name__})" in str(caught.value)


def test_the_number_of_graphs_is_fixed(tmp_path: Path) -> None:
    from eqsets_permutations import Edges

    edges = torch.tensor([[0, 1], [1, 0]])
    with pytest.raises(ExportError, match=r"needs Eq\(batch, \d\).*number of graphs"):
        export(
            DSS("permutations", 2, 3, conv="gcn"),
            tmp_path / "graphs.pt2",
            target="torch",
            element_sizes=(3,),
            structure=lambda x: Edges.stack([edges] * x.shape[0], nodes=3),
        )


class Numbers(nn.Module):
    def forward(self, x: Tensor) -> Any:
        return [{"y": x}]


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        (DSS("trivial", 2, 3), {"target": "onx"}, "Did you mean 'onnx'"),
        (DSS("trivial", 2, 3), {"layout": "sparse"}, "choose one of 'dense'"),
        ("network.pt", {}, "expected a module"),
        (nn.Linear(2, 3), {}, "expected the type of an element"),
        (DSS("trivial", 2, 3), {"structure": 3}, "a part of type int"),
        (DSS("trivial", 2, 3), {"weights": True}, "leave the options out"),
        (Numbers(), {"in_type": element_group("trivial").feature_type(2)}, "returns.*'dict'"),
    ],
)
def test_wrong_calls(model: Any, options: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=message):
        export(model, tmp_path / "file", **{"target": "torch", **options})


def test_parts_of_unequal_sizes_and_graphs_of_pyg(tmp_path: Path) -> None:
    data = pytest.importorskip("torch_geometric.data")
    parts = PartBatch.from_list([[torch.randn(4, 3)], [torch.randn(5, 3), torch.randn(6, 3)]])
    network = DSS("permutations", 2, 3, alignment="independent")
    for structure, words in (
        (parts, "unequal numbers of parts, expected tensors.*Pad them.*to_padded"),
        (data.Data(edge_index=torch.zeros(2, 1)), "objects of PyG.*edge_index.*as a tensor"),
    ):
        with pytest.raises(OptionError, match=words):
            export(network, tmp_path / "file", target="torch", structure=structure)


def test_a_folder_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="Create"):
        export(DSS("trivial", 2, 3), tmp_path / "models" / "file.onnx")


def test_the_command(tmp_path: Path) -> None:
    file = tmp_path / "network.pt"
    save(SetNetwork("translations", [3, 4], readout=1, kernel_size=3), file)
    options = ["--target", "torch", "--layout", "padded", "--element", "8,8"]
    shown = CliRunner().invoke(main, ["export", str(file), *options])
    assert shown.exit_code == 0, shown.output
    assert "x (batch, size, 3, 8, 8)" in shown.output
    assert (tmp_path / "network-torch.pt2").exists()
    assert json.loads(invoked(file, "--element", "8,8").output)["outputs"] == {"y": ["batch", 1]}


def invoked(file: Path, *options: str) -> Any:
    return CliRunner().invoke(main, ["export", str(file), "--target", "torch", "--json", *options])


@pytest.mark.skipif(not hasattr(torch.compiler, "is_exporting"), reason="torch 2.7 writes graphs")
def test_the_command_with_edges(tmp_path: Path) -> None:
    file, edges = tmp_path / "network.pt", tmp_path / "edges.pt"
    torch.save(torch.tensor([[0, 1], [1, 0]]), edges)
    save(SetNetwork("permutations", [2, 3], readout=1, conv="gcn"), file)
    written = invoked(file, "--element", "3", "--structure", str(edges))
    assert written.exit_code == 0, written.output
    assert '"structure": [\n' in written.output
