"""The registry of modules: registering a class is enough to describe, save, load and test it."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
import torch
from torch import Tensor
from torch import nn as tnn

import eqsets
from eqsets import (
    DSS,
    Construction,
    DescriptionError,
    OptionError,
    SetBatch,
    SetNetwork,
    SetResNet,
    SetUNet,
    element_group,
    from_dict,
    modules,
    nn,
    register_module,
    to_dict,
)
from eqsets.aggregation import Mean
from eqsets.layout import as_rows
from eqsets.modules import RegisteredModule, registered_modules
from eqsets.testing import check
from eqsets.testing.resolve import spec_of

RING = element_group("cyclic", size=4)

EXAMPLES = {
    "DSS": lambda: DSS(RING, 2, 3),
    "SetNetwork": lambda: SetNetwork(RING, [2, 3], readout=1),
    "SetSequential": lambda: nn.SetSequential(DSS(RING, 2, 3), nn.Readout(RING, 3, 1)),
    "SetPool": lambda: nn.SetPool(RING, 2, "max"),
    "Readout": lambda: nn.Readout(RING, 2, 3, "sum"),
    "Residual": lambda: nn.Residual(
        DSS(RING, 2, 3), DSS(RING, 2, 3, aggregation="none"), scale=0.0
    ),
    "Relaxed": lambda: nn.Relaxed(DSS(RING, 2, 3)),
    "SetResNet": lambda: SetResNet(RING, [2, 3, 4, 2], depth=[1, 2], readout=3),
    "SetUNet": lambda: SetUNet(
        "translations", [3, 2, 4], out_features=1, upsample={"kind": "linear"}
    ),
    "UNet": lambda: SetUNet("translations", [3, 2, 4, 4], set_pool="mean").body,
    "Upsample": lambda: nn.Upsample("translations", "4 /2", kind="linear"),
    "bilinear": lambda: nn.bilinear(RING, 2, 3, channels=2),
    "norm": lambda: nn.norm(RING, 2, "batch"),
    "nonlinearity": lambda: nn.nonlinearity(RING, 2, "gelu"),
    "dropout": lambda: nn.dropout(RING, 2, 0.3),
    "invariant": lambda: nn.invariant(RING, 2),
    "pool": lambda: nn.pool("translations", 2, kind="mean", size=2),
}


class Doubled(tnn.Module):
    """A module as outsiders write it: with types of names of their own, and a module inside."""

    def __init__(
        self, group: Any, source: Any, targets: list[Any], *, body: tnn.Module, reducing: Any = None
    ) -> None:
        super().__init__()
        self.symmetry = element_group(group)
        self.in_type = self.out_type = self.symmetry.feature_type(source)
        self.targets = [self.symmetry.feature_type(one) for one in targets]
        self.body = body
        self.construction = Construction(
            type(self),
            self.symmetry,
            {"source": self.in_type, "targets": self.targets},
            {"body": body, "reducing": reducing},
        )

    def forward(
        self, x: Tensor | SetBatch, mask: Tensor | None = None, *, structure: Any = None
    ) -> Tensor | SetBatch:
        layout, rows = as_rows(self.body(x, mask, structure=structure), mask, self.in_type, "it")
        return layout.restore(2 * rows)


@register_module
class Outside(Doubled):
    """Registered as "module:Class"."""


def outside(cls: type[Doubled] = Outside) -> Doubled:
    torch.manual_seed(0)
    return cls(RING, 2, [3, 4], body=DSS(RING, 2, 2), reducing=Mean())


OURS = [
    name
    for name, entry in registered_modules().items()
    if ":" not in name and entry.build.__module__.startswith("eqsets.")  # not those of plugins
]


@pytest.mark.parametrize("name", sorted(OURS))
def test_every_module_of_eqsets_comes_back(name: str) -> None:
    """A module that is registered without an example here fails."""
    built = EXAMPLES[name]()
    again = from_dict(json.loads(json.dumps(to_dict(built))))
    assert to_dict(built)["kind"] == name
    assert repr(again) == repr(built)
    assert to_dict(again) == to_dict(built)


def test_an_outside_module_is_described_saved_and_loaded() -> None:
    built, file = outside(), io.BytesIO()
    plain = json.loads(json.dumps(to_dict(built)))
    assert plain["kind"] == f"{__name__}:Outside"
    assert plain["arguments"]["source"] == {"feature type": "2 points"}
    assert plain["arguments"]["body"]["module"]["kind"] == "DSS"
    eqsets.save(built, file)
    file.seek(0)
    result = eqsets.load(file)
    assert isinstance(result, Outside)
    assert result.targets == built.targets
    assert result.construction.arguments["reducing"] == Mean()
    x = torch.randn(2, 3, 4, 2, generator=torch.Generator().manual_seed(0))
    assert torch.equal(result(x), built(x))


@pytest.mark.slow
def test_an_outside_module_is_held_to_the_contract_in_all_layouts() -> None:
    report = check(outside(), profile="quick")
    assert report.ok, report
    (case,) = spec_of(outside()).sets
    assert case.capabilities.ragged


def test_a_module_that_is_not_registered_is_refused() -> None:
    """The negative control: the same class without the decorator."""
    with pytest.raises(DescriptionError, match=r"Doubled, which is not registered.*decorator"):
        to_dict(outside(Doubled))
    (case,) = spec_of(outside(Doubled)).sets
    assert not case.capabilities.ragged
    plain = {**to_dict(outside()), "kind": "elsewhere.models:Net"}
    with pytest.raises(DescriptionError, match=r"Import 'elsewhere\.models' first"):
        from_dict(plain)


def test_an_example_is_a_case_of_the_contract_of_every_symmetry(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def example(symmetry: Any, in_type: Any, out_type: Any, **options: Any) -> tnn.Module:
        return outside()

    entry = RegisteredModule("it", Outside, Outside, example=example)
    before = {case.label for case in spec_of(RING).sets}
    monkeypatch.setitem(modules._MODULES, "it", entry)
    assert {case.label for case in spec_of(RING).sets} - before == {"example of it"}


def test_a_name_has_one_owner() -> None:
    assert register_module("DSS")(DSS) is DSS  # twice the same is fine
    with pytest.raises(OptionError, match=r"'DSS' is registered for eqsets.dss:DSS, got .*Outside"):
        register_module("DSS")(Outside)
    with pytest.raises(OptionError, match="expected a class of torch modules"):
        register_module("it")(outside)
    assert "it" not in registered_modules()


def test_a_plugin_names_its_modules_in_a_hook(site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    plugin = """
        from eqsets.hookspecs import hookimpl

        @hookimpl
        def eqsets_modules():
            return {"twice": "twice_models:Twice"}
    """
    models = """
        from eqsets import SetNetwork, register_module

        @register_module("twice")
        class Twice(SetNetwork):
            pass
    """
    site.install("twice", {"twice": "twice_plugin"}, twice_plugin=plugin, twice_models=models)
    registry = eqsets.registry.Registry(site.entry_points(), {})
    assert [record.name for record in registry.records("module")] == ["twice"]
    monkeypatch.setattr("eqsets.description.reading.default_registry", lambda: registry)
    plain = {**to_dict(SetNetwork("trivial", [2, 3])), "kind": "twice"}
    assert type(from_dict(plain)).__name__ == "Twice"
    modules._MODULES.pop("twice")
