"""A search for neighbours in clouds of unequal sizes is refused in words while it is compiled."""

from __future__ import annotations

import pytest
import torch

from eqsets import DSS, PartBatch, ShapeError, element_group


def clouds(channels: int) -> PartBatch:
    generator = torch.Generator().manual_seed(0)
    sizes = [[4, 4], [5, 6, 7]]
    return PartBatch.from_list(
        [[torch.randn(n, channels, generator=generator) for n in one] for one in sizes]
    )


@pytest.mark.parametrize("reach", [{"radius": 1.5}, {"neighbors": 2}], ids=str)
def test_a_search_in_parts_is_refused_when_compiled(reach: dict[str, float]) -> None:
    space = element_group("spatial", correspondence=False)
    layer = DSS(space, "points: 4", "points: 2x0e + 1x1o", alignment="independent", **reach)
    x, positions = clouds(4), clouds(3)
    layer(x, structure=positions)  # the control: eager code searches
    torch._dynamo.reset()
    with pytest.raises(ShapeError, match=r"is compiled.*expected edges.*outside.*edge_index="):
        torch.compile(layer, backend="eager")(x, structure=positions)
