"""Domains: sizes, batches, content and networks of grids, and a domain of another kind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, nn

from eqsets import OptionError, ShapeError
from eqsets.families import Clouds, Domain, Grid, Images, Signals, Vectors, Volumes
from eqsets.families.domains.encoders import ConvEncoder, DenseEncoder

GRIDS: list[Grid] = [Signals(), Images(), Volumes()]


@dataclass(frozen=True)
class Words(Domain):
    """The smallest domain: numbers of some length."""

    length: int = 5
    noun = "words"
    layout = ("n",)

    @property
    def default_size(self) -> tuple[int, ...]:  # type: ignore[override]
        return (self.length,)

    def check(self, x: Tensor, owner: object = "") -> None:
        if x.dim() < 1 or x.shape[-1] != self.length or not x.is_floating_point():
            raise ShapeError(f"{owner} got {tuple(x.shape)}, expected (*batch, {self.length}).")

    def size_of(self, x: Tensor) -> tuple[int, ...]:
        return (x.shape[-1],)

    def sample(
        self,
        *batch: int,
        size: tuple[int, ...] | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        return torch.randn(*batch, self.length, generator=generator, dtype=torch.float64)


DOMAINS: list[Domain] = [*GRIDS, Words(), Clouds(), Clouds(dims=2), Vectors(), Vectors(length=4)]


@pytest.mark.parametrize("domain", DOMAINS, ids=repr)
def test_shapes_agree_with_each_other(domain: Domain) -> None:
    x = domain.sample(3, 2, generator=torch.Generator().manual_seed(0))
    domain.check(x)
    size = domain.size_of(x)
    assert size == domain.default_size
    assert domain.batch(x) == (3, 2)
    assert domain.over_axes(torch.zeros(3, 2)).shape == (3, 2, *[1] * domain.axes)
    content = domain.content(x)
    assert content.shape == (3, 2, *domain.mask_shape(size))
    assert bool((content >= 0).all())
    assert domain.asymmetry(x).shape == (3, 2)
    assert domain.encoder(x.shape[2:], 4)(x[:, 0].float()).shape == (3, 4)
    assert domain.as_batch(x[0].numpy()).dtype == torch.float32
    assert eval(repr(domain)) == domain


@pytest.mark.parametrize("domain", GRIDS, ids=repr)
def test_a_grid_has_nothing_at_its_border_and_positions_from_one_end_to_the_other(
    domain: Grid,
) -> None:
    x = domain.sample(2, generator=torch.Generator().manual_seed(0))
    assert torch.equal(domain.content(x)[..., 0], torch.zeros_like(domain.content(x)[..., 0]))
    assert float(domain.content(x).max()) == pytest.approx(0.6)
    positions = domain.positions(domain.default_size, like=x)
    assert positions.shape == (x[0, 0].numel(), domain.spatial)
    assert positions[0].tolist() == [-1.0] * domain.spatial
    assert positions[-1].tolist() == [1.0] * domain.spatial
    assert positions[1, 0] > positions[0, 0]  # the last axis of the grid is the first coordinate


@pytest.mark.parametrize("domain", GRIDS, ids=repr)
def test_no_flip_preserves_the_asymmetry(domain: Grid) -> None:
    x = domain.sample(generator=torch.Generator().manual_seed(0))
    for axis in range(1, domain.spatial + 1):
        assert float((domain.asymmetry(x.flip(-axis)) - domain.asymmetry(x)).abs()) > 1e-3


def test_a_domain_of_both_is_the_narrower_one() -> None:
    assert Images().meet(Images(3)) == Images(3).meet(Images()) == Images(3).meet(Images(3))
    assert Words().meet(Words()) == Words()
    assert Clouds().meet(Clouds(dims=2)) == Clouds(dims=2).meet(Clouds()) == Clouds(dims=2)
    assert Vectors().meet(Vectors(length=3)) == Vectors(length=3)

    @dataclass(frozen=True)
    class Portraits(Images):
        height: int = 8

    assert Images(3).meet(Portraits()) == Portraits().meet(Images(3)) == Portraits(3)
    with pytest.raises(OptionError, match=r"height=8\) and of .*height=9"):
        Portraits().meet(Portraits(height=9))
    with pytest.raises(OptionError, match="images with 1 and with 3 channels"):
        Images(1).meet(Images(3))
    with pytest.raises(OptionError, match=r"families of Images.*and of Signals"):
        Images().meet(Signals())
    with pytest.raises(OptionError, match=r"Words\(length=5\) and of Words\(length=6\)"):
        Words().meet(Words(6))
    with pytest.raises(OptionError, match=r"Clouds\(dims=2\) and of Clouds\(dims=3\)"):
        Clouds(dims=2).meet(Clouds(dims=3))
    with pytest.raises(OptionError, match="dims=4, expected 2 or 3"):
        Clouds(dims=4)


@pytest.mark.parametrize(
    ("domain", "x", "message"),
    [
        (Signals(), torch.zeros(8), r"signals of shape \(8,\), expected \(\*batch, C, T\)"),
        (Signals(2), torch.zeros(1, 8), "signals with 1 channels.*expected .*2, T"),
        (Volumes(), torch.zeros(1, 0, 4, 4), "volumes of shape.*no axis of it empty"),
        (Signals(), torch.zeros(1, 8, dtype=torch.int64), r"torch.int64.*x.float\(\)"),
        (Images(3), torch.zeros(1, 8, 8), "Grey images have no colour"),
    ],
)
def test_what_is_not_in_the_domain_is_refused(domain: Domain, x: Tensor, message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        domain.check(x)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([[1.0], [1.0, 2.0]], "a list that does not make a tensor"),
        (torch.zeros(3, 8), r"signals of shape \(3, 8\), expected \(n, C, T\)"),
        (torch.tensor([[[0.0, float("nan")]]]), "1 values that are not finite"),
    ],
)
def test_bad_batches_are_refused(given: object, message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        Signals().as_batch(given)


def test_integers_are_read_as_numbers_and_bytes_of_images_are_scaled() -> None:
    assert Signals().as_batch(torch.tensor([[[3, 4]]])).tolist() == [[[3.0, 4.0]]]
    assert Images().as_batch(torch.tensor([[[[0, 255]]]], dtype=torch.uint8)).tolist() == [
        [[[-1.0, 1.0]]]
    ]


def test_numbers_and_vectors_are_no_images() -> None:
    assert not any(Images().certain(torch.zeros(shape)) for shape in [(5,), (5, 4), (5, 4, 0)])
    assert Images().certain(torch.zeros(5, 8, 8))


@pytest.mark.parametrize("encoder", [DenseEncoder, ConvEncoder])
def test_encoders_drop_nothing_by_default(encoder: Callable[..., nn.Module]) -> None:
    x = torch.rand(3, 2, 8, 8)
    for rate, equal in ((None, True), (0.5, False)):
        options = {} if rate is None else {"dropout": rate}
        network = encoder((2, 8, 8), 4, **options)
        assert torch.equal(network.train()(x), network.eval()(x)) is equal


@pytest.mark.parametrize("domain", [Clouds(), Clouds(dims=2)], ids=repr)
def test_clouds_have_no_order_and_every_mirror_and_exchange_of_axes_is_seen(domain: Clouds) -> None:
    x = domain.sample(2, generator=torch.Generator().manual_seed(0))
    shuffled = x[:, torch.randperm(x.shape[1], generator=torch.Generator().manual_seed(1))]
    encoder = domain.encoder(x.shape[1:], 3).double()
    assert torch.allclose(encoder(shuffled), encoder(x))
    assert torch.allclose(domain.asymmetry(shuffled), domain.asymmetry(x))
    for moved in (x * x.new_tensor([-1.0, *[1.0] * (x.shape[-1] - 1)]), x.roll(1, -1)):
        assert float((domain.asymmetry(moved) - domain.asymmetry(x)).abs().min()) > 1e-3


@pytest.mark.parametrize("shape", [(8,), 8, (1, 0), (1.0, 8)])
def test_bad_shapes_are_refused(shape: object) -> None:
    with pytest.raises(ShapeError, match=r"expected \(C, T\) of positive integers"):
        Signals().as_shape(shape)
    assert Signals().as_shape(torch.zeros(1, 8).shape) == (1, 8)
