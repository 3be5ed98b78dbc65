"""What ignores options, or is no function of its weights: each fails the one law of its name."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from eqsets.generated import GeneratedSymmetry
from eqsets.groups import CyclicGroup
from eqsets.testing import Capabilities, ContractSpec
from tests.testing.controls.actions import Ring, turn
from tests.testing.controls.rows import RING, _subject
from tests.testing.controls.sets import Weighted, subject


class HalfTurns(Ring):
    """Six turns that act as the three that they are modulo three."""

    group = CyclicGroup(6)

    @property
    def layout(self) -> tuple[int | str, ...]:
        return (3, self.count)

    def transform(self, g: Tensor, x: Tensor) -> Tensor:
        return turn(g % 3, x)


class OneNorm(GeneratedSymmetry):
    """Knows one norm, whatever its kind."""

    def norm(self, in_type, kind="element"):
        return super().norm(in_type, "element")


class AlwaysBias(GeneratedSymmetry):
    def linear(self, in_type, out_type, *, bias=True, **options):
        return super().linear(in_type, out_type)


class IgnoresOptions(GeneratedSymmetry):
    def linear(self, in_type, out_type, *, bias=True, **options):
        return super().linear(in_type, out_type, bias=bias)


class SumsInFloat16(Weighted):
    """Loses digits in float16 alone."""

    def forward(self, x: Tensor) -> Tensor:
        y = super().forward(x)
        return y * 1.25 if x.dtype == torch.float16 else y


class RoundedConstant(Weighted):
    """Rounds a constant to the default dtype when it is built."""

    def __init__(self) -> None:
        super().__init__()
        self.third = torch.tensor(1 / 3, device="cpu").item()

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * self.third


class LostOnMeta(Weighted):
    """Keeps a constant in a buffer that is not saved."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("scale", torch.full((), 2.0), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * self.scale


class CachesWeights(Weighted):
    """Keeps a copy of its weight outside the parameters, and follows in-place changes of it."""

    def forward(self, x: Tensor) -> Tensor:
        own = self.__dict__.setdefault("own", [self._parameters["weight"]])
        if isinstance(self._parameters["weight"], nn.Parameter):
            own[0] = self._parameters["weight"]
        mean = x.mean(1, keepdim=True)
        return self._parameters["weight"] * x + own[0] * mean


class Square(torch.autograd.Function):
    """The square, with a derivative backwards and none forwards."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x):
        return x.square()

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx, gradient):
        return 2 * ctx.saved_tensors[0] * gradient


class NoForwardMode(Weighted):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(Square.apply(x))


def _ignoring() -> ContractSpec:
    symmetry = IgnoresOptions(permutations=RING)
    return ContractSpec(
        "IgnoresOptions",
        symmetry=symmetry,
        aggregations=("sum",),
        capabilities=Capabilities(independent=False),
        alternatives=({"width": 1}, {"width": 2}),
    )


CONTROLS = {
    "EQA12-faithful": HalfTurns(),
    "EQO01-options-of-networks": _subject(OneNorm),
    "EQO02-options-of-layers": _ignoring(),
    "EQO03-no-bias": _subject(AlwaysBias),
    "EQN05-float16-runs": subject(SumsInFloat16),
    "EQN06-double-digits": subject(RoundedConstant),
    "EQD14-meta": subject(LostOnMeta),
    "EQD15-ensembles": subject(CachesWeights),
    "EQD16-functional-transforms": subject(NoForwardMode),
}
