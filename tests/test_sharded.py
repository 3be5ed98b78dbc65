"""Networks of every plugin under FSDP2 with mixed precision, on one CPU process (gloo).

Parameters are cast to bfloat16 and buffers are not, so a layer that combines the two fails here.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

pytestmark = pytest.mark.slow  # each test starts processes of its own

SCRIPT = """if True:
    import json, tempfile
    import torch
    import torch.distributed as dist
    from torch import nn
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard
    from eqsets import DSS, SetNetwork, Sets, element_group
    from eqsets.nn import SetSequential, norm, pool

    EDGES = torch.tensor([[0, 1, 2, 3], [1, 2, 3, 0]])
    CLOUD = torch.randn(2, 3, 6, 3)
    IRREPS = ["2x0e + 1x1o", "4x0e + 2x1o", "4x0e"]

    def network(group, types, **options):
        return lambda: SetNetwork(group, types, readout=2, normalization="element", **options)

    def pooled():
        first = DSS("planar", 3, "2 regular + 2 irrep(1)")
        rest = [part("planar", first.out_type) for part in (norm, pool)]
        return SetSequential(first, *rest, pool("planar", first.out_type, kind="group"))

    def control():
        class Wrong(nn.Module):
            def __init__(self):
                super().__init__()
                self.weight = nn.Parameter(torch.ones(3, 3))
                self.register_buffer("basis", torch.ones(3, 3))

            def forward(self, x):
                return x @ (self.weight @ self.basis)

        return Wrong()

    CASES = {
        "trivial": (network("trivial", [3, 4, 4]), (2, 3, 3), None),
        "cyclic": (network(element_group("cyclic", size=5), [1, 4, 4]), (2, 3, 5, 1), None),
        "dihedral": (network(element_group("dihedral", size=5), [1, 4, 4]), (2, 3, 5, 1), None),
        "symmetric": (network(element_group("symmetric", size=4), [1, 4, 4]), (2, 3, 4, 1), None),
        "product": (
            network(element_group("cyclic", size=2) * element_group("cyclic", size=3), [1, 4, 4]),
            (2, 3, 2, 3, 1),
            None,
        ),
        "sets": (network(Sets(element_group("cyclic", size=3)), [1, 4, 4]), (2, 3, 4, 3, 1), None),
        "independent": (
            network(element_group("cyclic", size=5), [1, 4, 4], alignment="independent"),
            (2, 3, 5, 1),
            None,
        ),
        "translations": (network("translations", [3, 8, 8]), (2, 3, 3, 8, 8), None),
        "nodes": (network("permutations", [3, 8, 8]), (2, 3, 4, 3), None),
        "pairs": (network("permutations", [3, "4 pairs", 8]), (2, 3, 4, 3), None),
        "planar": (network("planar", [3, "2 regular + 2 irrep(1)", 4]), (2, 3, 3, 9, 9), None),
        "planar pools": (pooled, (2, 3, 3, 9, 9), None),
        "spatial": (network("spatial", IRREPS), (2, 3, 5), None),
        "clouds": (
            network("spatial", [f"points: {t}" for t in IRREPS], radius=2.0), (2, 3, 6, 5), CLOUD
        ),
        "control": (control, (4, 3), None),
    }
    for conv in ("gat", "gcn", "gin", "graph", "sage"):
        CASES[conv] = (network("permutations", [3, 8, 8], conv=conv), (2, 3, 4, 3), EDGES)

    with tempfile.NamedTemporaryFile() as file:
        dist.init_process_group("gloo", init_method=f"file://{file.name}", rank=0, world_size=1)
        policy = MixedPrecisionPolicy(param_dtype=torch.bfloat16, reduce_dtype=torch.float32)
        sharding = {"mesh": init_device_mesh("cpu", (1,)), "mp_policy": policy}
        for name, (make, shape, structure) in CASES.items():
            torch.manual_seed(0)
            model, x = make(), torch.randn(shape)
            side = {} if structure is None else {"structure": structure}
            expected = model(x, **side)
            for module in reversed([m for m in model.modules() if isinstance(m, DSS)]):
                fully_shard(module, **sharding)
            fully_shard(model, **sharding)
            try:
                y = model(x, **side)
                y.float().square().sum().backward()
                print(json.dumps({
                    "name": name,
                    "dtype": str(y.dtype),
                    "error": float((y.float() - expected).norm() / expected.norm()),
                    "without_grad": [n for n, p in model.named_parameters() if p.grad is None],
                }))
            except RuntimeError as error:
                print(json.dumps({"name": name, "raised": str(error)}))
        dist.destroy_process_group()
"""
NAMES = ["trivial", "cyclic", "dihedral", "symmetric", "product", "sets", "independent"]
NAMES += ["translations", "nodes", "pairs", "planar", "planar pools", "spatial", "clouds"]
NAMES += ["gat", "gcn", "gin", "graph", "sage"]


@pytest.fixture(scope="module")
def results() -> dict[str, Any]:
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SCRIPT], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    lines = [json.loads(line) for line in ran.stdout.splitlines() if line.startswith("{")]
    return {line["name"]: line for line in lines}


@pytest.mark.parametrize("name", NAMES)
def test_sharded_network_in_bfloat16(name: str, results: dict[str, Any]) -> None:
    result = results[name]
    assert "raised" not in result, result
    assert result["dtype"] == "torch.bfloat16"
    assert result["error"] < 0.05
    assert not result["without_grad"]


def test_a_parameter_combined_with_a_buffer_fails(results: dict[str, Any]) -> None:
    assert "dtype" in results["control"]["raised"]
