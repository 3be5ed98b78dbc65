"""One example of one law: what was drawn for it, and the largest error it met.

What is drawn is written down under a label, so that a failure can show the smallest example that
hypothesis has actual: set size, group element, shape, dtype, seed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import Tensor

from eqsets.errors import LawViolation
from eqsets.testing import strategies

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

__all__ = ["Trial", "randomness", "show"]

T = TypeVar("T")

_SHOWN = 16  # numbers of a tensor that a message spells out at most


class Trial:
    """What a law draws from and reports to.

    Attributes:
        example: what was drawn or noted, as text.
        error: the largest measured error, as a share of its budget the worst.
        budget: the budget that belongs to it.
    """

    def __init__(self, draw: Callable[[Any], Any] | None, seed: int) -> None:
        self._draw, self._fixed = draw, seed
        self._seed: int | None = None
        self.example: dict[str, str] = {}
        self.error: float | None = None
        self.budget: float | None = None

    def draw(self, label: str, strategy: SearchStrategy[T]) -> T:
        """Draw a value and write it down."""
        if self._draw is None:
            raise AssertionError("a law that runs once draws nothing but its seed")
        value: T = self._draw(strategy)
        self.example[label] = show(value)
        return value

    def note(self, **facts: object) -> None:
        """Write facts about the example down."""
        self.example.update({label: show(value) for label, value in facts.items()})

    @property
    def seed(self) -> int:
        """The seed of everything random in this example: weights, features, dropout."""
        if self._seed is None:
            self._seed = self._fixed if self._draw is None else self._draw(strategies.seeds())
            self.example["seed"] = str(self._seed)
        return self._seed

    def generator(self) -> torch.Generator:
        """Return a generator in its first state: called twice, it gives the same numbers."""
        return torch.Generator().manual_seed(self.seed)

    def build(self, make: Callable[[], T]) -> T:
        """Call a constructor with torch's global randomness seeded, and put it back as it was."""
        with randomness(self.seed):
            return make()

    def require(self, error: float, budget: float, what: str) -> None:
        """Raise unless ``error <= budget``; NaN is an error.

        Raises:
            LawViolation: the error is larger than its budget.
        """
        known = self.error is not None and self.budget is not None
        # multiplied out: budgets of exact groups are 0
        if not known or not error * (self.budget or 0) <= (self.error or 0) * budget:
            self.error, self.budget = error, budget
        if not error <= budget:
            raise LawViolation(f"{what}: measured error {error:.1e}, budget {budget:.1e}")

    def expect(self, holds: bool, what: str) -> None:
        """Raise unless a plain yes-or-no condition holds.

        Raises:
            LawViolation: it does not hold.
        """
        if not holds:
            self.error = self.budget = None  # no measured error decides: do not report one
            raise LawViolation(what)

    def compare(
        self, actual: Tensor, expected: Tensor, budget: float, what: str, floor: float = 0.0
    ) -> None:
        """Raise unless two tensors agree, relatively.

        Arguments:
            actual: what was computed.
            expected: what it should be.
            budget: largest relative error.
            what: what was compared.
            floor: a difference of this size is rounding, however small both tensors are.

        Raises:
            LawViolation: shapes differ, or the error is larger than its budget.
        """
        self.expect(
            actual.shape == expected.shape,
            f"{what}: shape {tuple(actual.shape)} instead of {tuple(expected.shape)}",
        )
        a, b = actual.detach().double(), expected.detach().double()
        gap, size = float((a - b).norm()), float(a.norm() + b.norm())
        if budget:
            size += 2 * floor / budget  # then a gap of ``floor`` stays within the budget
        self.require(0.0 if gap == 0 else 2 * gap / size, budget, what)


@contextmanager
def randomness(seed: int) -> Iterator[None]:
    """Seed torch's global randomness for a while; what it was before is put back."""
    # torch.manual_seed would queue a call, with its stack, for every kind of device: slow, for good
    before = torch.get_rng_state()
    torch.default_generator.manual_seed(seed)
    try:
        yield
    finally:
        torch.set_rng_state(before)


def show(value: object) -> str:
    """Return a value as a short text.

    Example:
        >>> show(torch.tensor([1, 0])), show(torch.zeros(2, 3, 5))
        ('[1, 0]', '(2, 3, 5)')
    """
    if not isinstance(value, Tensor):
        return str(value)
    if value.numel() > _SHOWN:
        return str(tuple(value.shape))
    if value.is_floating_point():
        value = (value.detach().double() * 1e4).round() / 1e4
    return str(value.tolist())
