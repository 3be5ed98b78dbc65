"""Constants of modules: one rule for how they are built, loaded, moved, copied and combined."""

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

from eqsets import DSS, ElementSymmetry, GeneratedSymmetry, element_group
from eqsets.constants import Constants, on_cpu
from eqsets.groups import OrthogonalGroup

Build = Callable[[], nn.Module]
Rule = Callable[[Build, Tensor], tuple[Tensor, Tensor]]  # what a module gives, what it should

SEED = torch.Generator().manual_seed(0)
CIRCULAR = {"padding_mode": "circular"}


def images() -> ElementSymmetry:
    return element_group("translations", **CIRCULAR)


def rotations() -> GeneratedSymmetry:
    return GeneratedSymmetry(group=OrthogonalGroup(3))


def ring(size: int) -> ElementSymmetry:
    return element_group("cyclic", size=size)


def gated(symmetry: ElementSymmetry, spec: int | str) -> nn.Module:
    own = symmetry.feature_type(spec)
    return nn.Sequential(symmetry.nonlinearity(own), symmetry.norm(own))


def rotated() -> ElementSymmetry:
    return element_group("planar", rotations=4)


def planar_modules() -> nn.Module:
    own = rotated().feature_type("2 regular")
    return nn.Sequential(nn.Conv2d(8, 8, 1), rotated().pool(own), rotated().dropout(own, 0.5))


def restriction() -> nn.Module:
    own = rotated().feature_type("2 regular")
    restrict = rotated().restrict(own, rotations=2)  # type: ignore[attr-defined]
    return nn.Sequential(nn.Conv2d(8, 8, 1), restrict)


class SpatialPoints(nn.Module):
    """A convolution on a cloud of fixed positions."""

    def __init__(self) -> None:
        super().__init__()
        space = element_group("spatial")
        own = space.feature_type("points: 4x0e + 2x1o")
        self.layer = space.linear(own, own, radius=2.0)

    def forward(self, x: Tensor) -> Tensor:
        positions = torch.linspace(-1, 1, 15, dtype=x.dtype).sin().reshape(1, 5, 3)
        y: Tensor = self.layer(x, positions)
        return y


CASES: dict[str, tuple[Build, tuple[int, ...]]] = {
    "cyclic": (lambda: DSS(ring(6), 3, 4), (2, 3, 6, 3)),
    "symmetric": (lambda: DSS(element_group("symmetric", size=6), 3, 4), (2, 3, 6, 3)),
    "trivial": (lambda: DSS("trivial", 3, 4), (2, 3, 3)),
    "orthogonal": (lambda: DSS(rotations(), 3, 4), (2, 3, 3, 3)),
    "gate": (lambda: gated(rotations(), 4), (5, 3, 4)),
    "product": (lambda: DSS(element_group("symmetric", size=3) * ring(4), 2, 3), (2, 3, 3, 4, 2)),
    "product-of-images": (
        lambda: DSS(ring(3) * images(), 2, 4, kernel_size=3),
        (2, 3, 3, 2, 8, 8),
    ),
    "images-of-rings": (
        lambda: DSS(images() * ring(3), 2, 4, first={"kernel_size": 3}),
        (2, 3, 7, 7, 3, 2),
    ),
    "rotations-of-rings": (lambda: DSS(rotations() * ring(3), 2, 4), (2, 3, 3, 3, 2)),
    "independent": (lambda: DSS(ring(5), 3, 4, alignment="independent"), (2, 3, 5, 3)),
    "planar": (lambda: DSS(rotated(), "3 trivial", "2 regular + 1 irrep(1)"), (2, 3, 3, 9, 9)),
    "planar-modules": (lambda: planar_modules(), (4, 8, 9, 9)),
    "planar-restriction": (lambda: restriction(), (4, 8, 9, 9)),
    "spatial": (lambda: DSS("spatial", "4x0e + 2x1o", "3x0e + 1x1o"), (2, 3, 10)),
    "spatial-modules": (lambda: gated(element_group("spatial"), "4x0e + 2x1o"), (4, 10)),
    "spatial-points": (lambda: SpatialPoints(), (4, 5, 10)),
    "translations": (lambda: DSS("translations", 2, 4, kernel_size=3), (2, 3, 2, 8, 8)),
}


@contextmanager
def default_dtype(dtype: torch.dtype) -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def built(build: Build) -> nn.Module:
    torch.manual_seed(0)
    return build().eval()


def on_meta(build: Build) -> nn.Module:
    with torch.device("meta"):
        return build().eval()


# The rules.


def assigned(build: Build, x: Tensor) -> tuple[Tensor, Tensor]:
    """Built on meta, then loaded with assign=True."""
    source, module = built(build), on_meta(build)
    module.load_state_dict(source.state_dict(), assign=True)
    return module(x), source(x)


def emptied(build: Build, x: Tensor) -> tuple[Tensor, Tensor]:
    """Built on meta, emptied, then loaded; what was emptied holds NaN."""
    source, module = built(build), on_meta(build).to_empty(device="cpu")
    with torch.no_grad():
        for value in [*module.parameters(), *module.buffers()]:
            if value.is_floating_point():
                value.fill_(torch.nan)
    module.load_state_dict(source.state_dict())
    return module(x), source(x)


def stacked(build: Build, x: Tensor) -> tuple[Tensor, Tensor]:
    """Three models as one, over a base on meta."""
    models = [built(build), build().eval(), build().eval()]
    state = stack_module_state(models)
    base = copy.deepcopy(models[0]).to("meta")
    y = vmap(lambda *one: functional_call(base, one, (x,)), randomness="error")(*state)
    return y, torch.stack([model(x) for model in models])


def doubled(build: Build, x: Tensor) -> tuple[Tensor, Tensor]:
    """Widened to float64: the digits of a module that was built in float64."""
    module = built(build)
    with default_dtype(torch.float64):
        wide = build().eval()
    wide.load_state_dict(module.state_dict())
    return module.double()(x.double()), wide(x.double())


def cast(build: Build, x: Tensor) -> tuple[Tensor, Tensor]:
    """Parameters and inputs are cast, buffers are not: mixed precision of FSDP2."""
    module = built(build)
    source = copy.deepcopy(module).double()
    for parameter in module.parameters():
        parameter.data = parameter.data.double()
    return module(x.double()), source(x.double())


def copied(build: Build, x: Tensor) -> tuple[Tensor, Tensor]:
    """Widened, narrowed, deep-copied and pickled."""
    source = built(build)
    module = pickle.loads(pickle.dumps(copy.deepcopy(source).double().float()))
    return module(x), source(x)


RULES: dict[str, Rule] = {
    rule.__name__: rule for rule in (assigned, emptied, stacked, doubled, cast, copied)
}


def gap(rule: Rule, build: Build, shape: tuple[int, ...]) -> float:
    """Return the largest relative difference from what a rule expects."""
    x = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    y, expected = rule(build, x)
    return float(((y - expected).abs().max() / expected.abs().max()).detach())


@pytest.mark.slow
@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
@pytest.mark.parametrize(("build", "shape"), CASES.values(), ids=CASES)
def test_constants_follow_one_rule(build: Build, shape: tuple[int, ...], rule: Rule) -> None:
    assert gap(rule, build, shape) < (1e-13 if rule in (doubled, cast) else 1e-5)


class PlainBuffer(nn.Module):
    """What Constants replaces: a buffer that is rounded once and is not in the state."""

    table: Tensor

    def __init__(self, shared: Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(3, 3))
        self.register_buffer("table", shared, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = x @ (self.table @ self.weight)
        return y


def two_plain_buffers() -> nn.Module:
    table = torch.eye(3, dtype=torch.float64).to(torch.get_default_dtype()) / 3
    return nn.Sequential(PlainBuffer(table), PlainBuffer(table))


@pytest.mark.parametrize("rule", [assigned, emptied, stacked, doubled, cast])
def test_a_plain_buffer_breaks_the_rule(rule: Rule) -> None:
    try:
        result = gap(rule, two_plain_buffers, (2, 3))
    except (RuntimeError, NotImplementedError):  # of torch: devices or dtypes do not fit
        return
    assert not result < 1e-13


class Scaled(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3))
        with on_cpu():
            third = torch.full((3,), 1 / 3, dtype=torch.float64)
            order = torch.tensor([2, 0, 1])
        self.constants = Constants(third=third, order=order, absent=None)

    def forward(self, x: Tensor) -> Tensor:
        y = x * self.weight * self.constants.get("third", x)
        return y[..., self.constants.get("order", x)]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_a_constant_is_rounded_once_from_float64(dtype: torch.dtype) -> None:
    module, x = Scaled(), torch.tensor([1.0, 2.0, 3.0], dtype=dtype)
    third = torch.tensor(1 / 3, dtype=torch.float64).to(dtype)
    for mover in (module, module.half(), module.double(), module.to(dtype)):
        assert torch.equal(mover.constants.get("third", x), third.expand(3))
        assert mover.constants.get("order", x).dtype == torch.int64


def test_constants_are_neither_parameters_nor_buffers_nor_state() -> None:
    module = Scaled()
    assert [name for name, _ in module.named_parameters()] == ["weight"]
    assert not list(module.buffers())
    assert list(module.state_dict()) == ["weight"]
    assert repr(module.constants) == "Constants(third (3,), order (3,))"


def test_states_that_hold_them_as_buffers_still_load() -> None:
    state = {**Scaled().state_dict(), "third": torch.zeros(3), "order": torch.zeros(3)}
    inner = Scaled()
    module = nn.ModuleDict({"inner": inner})
    module.load_state_dict({f"inner.{name}": value for name, value in state.items()})
    x = torch.ones(3, dtype=torch.float64)
    assert torch.equal(inner(x), x / 3)
    with pytest.raises(RuntimeError, match="Unexpected key"):
        module.load_state_dict({**module.state_dict(), "inner.fourth": torch.zeros(3)})


@pytest.mark.slow
def test_nothing_that_a_transform_made_is_kept() -> None:
    x = torch.randn(4, 3, generator=SEED)
    expected = Scaled()(x)
    transforms = (torch.func.jacrev, torch.func.jacfwd, torch.func.hessian, vmap)
    for transform in transforms:
        module = Scaled()
        module.constants._ready = {name: [] for name in module.constants._ready}
        transform(module)(x)
        y = module(x.clone().requires_grad_())
        assert torch.equal(y, expected)
        y.sum().backward()


def test_constants_that_inference_mode_made_train() -> None:
    with torch.inference_mode():
        module = Scaled()
        module.double()(torch.zeros(3, dtype=torch.float64))
    x = torch.randn(3, generator=SEED, dtype=torch.float64, requires_grad=True)
    weight = torch.ones(3, dtype=torch.float64, requires_grad=True)
    functional_call(module, {"weight": weight}, (x,)).sum().backward()
    assert weight.grad is not None
    assert torch.allclose(weight.grad, x / 3)


def test_export_and_files_hold_them() -> None:
    module, x = Scaled(), torch.randn(2, 3, generator=SEED)
    program = torch.export.export(module, (x,))
    assert torch.equal(program.module()(x), module(x))
    file = io.BytesIO()
    torch.export.save(program, file)
    file.seek(0)
    assert torch.equal(torch.export.load(file).module()(x), module(x))


def test_a_constant_without_values_is_refused() -> None:
    with torch.device("meta"), pytest.raises(AssertionError, match="'table' has no values on meta"):
        Constants(table=torch.zeros(3))
