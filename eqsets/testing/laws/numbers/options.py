"""O: what is given to a builder changes what it builds: an option that does nothing is a fault."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import combinations
from math import prod
from typing import Any
from zlib import crc32

import torch
from torch import Tensor, nn

from eqsets.dss import DSS
from eqsets.equivariance import relative_error
from eqsets.layout import Dense
from eqsets.network import SetNetwork
from eqsets.symmetry import ElementSymmetry
from eqsets.testing.bench import RowBench
from eqsets.testing.cases.rows import offered
from eqsets.testing.law import Law, law
from eqsets.testing.laws.symmetry.rows import role
from eqsets.testing.oracles.bruteforce import (
    LARGEST,
    action_matrices,
    element_shape,
    equivariant_maps,
)
from eqsets.testing.spec import ContractSpec, RowCase
from eqsets.testing.trial import Trial, randomness

__all__ = ["LAWS"]

_SAME = 1e-7
_SIZE = 3


def built(subject: ContractSpec) -> Sequence[ContractSpec]:
    """Return the subject itself, where networks can be built for it."""
    return (subject,) if subject.symmetry is not None and subject.layers else ()


def varied(subject: ContractSpec) -> Sequence[ContractSpec] | str:
    """Return the subject itself, where its spec names other options of its linear layer."""
    if subject.symmetry is None:
        return ()
    return (subject,) if subject.alternatives else "no alternative options are declared"


def _set_by_name(module: nn.Module) -> nn.Module:
    """Give parameters values that depend on their name and shape alone."""
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            generator = torch.Generator().manual_seed(crc32(name.encode()))
            parameter.copy_(torch.randn(parameter.shape, generator=generator) / 2)
    return module.double().train()


def _distinct(trial: Trial, what: str, outputs: dict[str, Tensor]) -> None:
    for (one, x), (other, y) in combinations(outputs.items(), 2):
        differs = x.shape != y.shape or relative_error(x, y) > _SAME
        trial.expect(differs, f"{what} = {one} and {other} give the same numbers")


def _choices(subject: ContractSpec) -> dict[str, tuple[Any, ...]]:
    """Return the options of a network, and the values that should differ."""
    layer, symmetry = subject.layers[0], subject.symmetry
    if symmetry is None:
        raise AssertionError("the law ranges over subjects with a symmetry")
    kinds = [k for k in ("element", "batch") if offered(partial(symmetry.norm, layer.out_type, k))]
    result: dict[str, tuple[Any, ...]] = {
        "aggregation": subject.aggregations,
        "dropout_rate": (0.0, 0.5),
        "normalization": (None, *kinds, *(f"{kind}-parts" for kind in kinds)),
        "set_pool": ("mean", "sum", "max"),
    }
    if _has_bias(subject):
        result["bias"] = (True, False)
    if layer.out_type.pointwise:
        result["activation"] = ("relu", "tanh", "silu")
    if subject.capabilities.independent:
        result["alignment"] = ("shared", "independent")
    return result


def _has_bias(subject: ContractSpec) -> bool:
    """Return whether the group leaves some vector of the output invariant."""
    target, group = subject.layers[0].out_type, subject.group
    group = target.group or group
    if group is None or prod(element_shape(target)) > LARGEST:
        return False
    moves = action_matrices(group, target)
    return len(equivariant_maps(torch.ones(len(moves), 1, 1, dtype=torch.float64), moves)) > 0


@law(
    "EQO01-options-of-networks",
    "Every option of a network changes its numbers: aggregation, alignment, bias, activation, "
    "normalization, dropout and pooling.",
    breaks="an argument that is not passed on, so that the default is used whatever is asked for",
    cases=built,
    once=True,
    after=(
        "EQL05-norm",
        "EQL13-norm-normalises",
        "EQL16-nonlinearity-by-name",
        "EQC02-bias-is-complete",
        "EQO03-no-bias",
    ),
)
def options_of_networks(subject: ContractSpec, trial: Trial) -> None:
    layer, symmetry = subject.layers[0], subject.symmetry
    types = [layer.in_type, layer.out_type, layer.out_type]
    for name, values in _choices(subject).items():
        outputs = {}
        for value in values:
            options = {"activation": "silu", **subject.options, **layer.options, name: value}
            network = offered(partial(SetNetwork, symmetry, types, **options))  # type: ignore[arg-type]
            if network is None:
                continue
            x = network.in_type.sample(2, _SIZE, generator=trial.generator(), dtype=torch.float64)  # type: ignore[union-attr, operator]
            with randomness(trial.seed):
                outputs[str(value)] = _set_by_name(network)(x, **_structure(subject, trial))
        _distinct(trial, name, outputs)


def _structure(subject: ContractSpec, trial: Trial) -> dict[str, Any]:
    if subject.structure is None:
        return {}
    return {"structure": subject.structure(trial.generator())}


@law(
    "EQO02-options-of-layers",
    "Each alternative that a spec declares, for the options of a linear layer or for those of the "
    "symmetry that makes it, gives another layer.",
    breaks="`dilation=` or `aggregation=` that is read and not used",
    cases=varied,
    once=True,
)
def options_of_layers(subject: ContractSpec, trial: Trial) -> None:
    layer, outputs = subject.layers[0], {}
    for number, alternative in enumerate(subject.alternatives):
        symmetry, options, types = subject.symmetry, alternative, [layer.in_type, layer.out_type]
        if isinstance(alternative, ElementSymmetry):
            symmetry, options = alternative, subject.options
            types = [symmetry.feature_type(str(kind)) for kind in types]
        if symmetry is None or isinstance(options, ElementSymmetry):
            raise AssertionError("the law ranges over subjects with a symmetry")
        source, target = symmetry.layer_types(*types, **options)
        module = _set_by_name(trial.build(partial(symmetry.linear, source, target, **options)))
        x = source.sample(2, generator=trial.generator(), dtype=torch.float64)
        side: tuple[Any, ...] = ()
        if subject.structure is not None:
            side = (symmetry.row_structure(subject.structure(trial.generator()), Dense(1, 2)),)
        outputs[f"{number}: {alternative}"] = module(x, *side)
    _distinct(trial, "options", outputs)


@law(
    "EQO03-no-bias",
    "Without a bias, a linear layer and a DSS layer map zero to zero.",
    breaks="bias=False that is not passed on to the second branch",
    cases=role("linear"),
    once=True,
)
def no_bias(case: RowCase, trial: Trial) -> None:
    symmetry, source, target = case.symmetry, case.in_type, case.out_type
    bench = RowBench(trial, case)
    options: dict[str, Any] = {**case.options, "bias": False}
    builders: dict[str, Callable[[], nn.Module]] = {
        "linear": lambda: symmetry.linear(source, target, **options),
        "DSS": lambda: DSS(symmetry, source, target, **options),
    }
    for name, build in builders.items():
        module = offered(build)
        if module is None:
            continue
        bench.module = _set_by_name(module)
        x = torch.zeros_like(bench.x)
        if name == "linear":
            y = bench.run(x)
        else:
            side = {} if bench.structure is None else {"structure": bench.structure}
            y = bench.module(x[None], **side)
        size = float(y.detach().abs().max())
        trial.require(size, 1e-12, f"{case.label}: {name} with bias=False, of zero")


LAWS: tuple[Law, ...] = (options_of_networks, options_of_layers, no_bias)
"""The laws of the family, in order."""
