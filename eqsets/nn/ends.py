"""The end of a network: what it returns together with its output."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from eqsets.errors import FeatureTypeError
from eqsets.nn.readout import Readout
from eqsets.nn.sequential import SetSequential
from eqsets.sets import SetBatch
from eqsets.structure import Structure

__all__ = ["run_to_end"]


def run_to_end(
    blocks: SetSequential,
    x: Tensor | SetBatch,
    mask: Tensor | None,
    side: Structure,
    *,
    return_scores: bool,
    return_weights: bool,
    owner: str,
) -> Any:
    """Return the output of a network, and what its last layer returns with it.

    Arguments:
        blocks: the network.
        x: sets of elements.
        mask: which are present.
        side: side information.
        return_scores: also return what each element contributes to the read-out.
        return_weights: also return the weights of an end with attention.
        owner: the network, for messages.

    Raises:
        FeatureTypeError: scores of a network without a read-out, or weights without attention.
    """
    if not (return_scores or return_weights):
        return blocks(x, mask, structure=side)
    *before, end = blocks.layers
    if return_scores and not isinstance(end, Readout):
        raise FeatureTypeError(
            f"{owner} got return_scores=True, but ends in {type(end).__name__}, expected a "
            "read-out. Build it with readout=, the length of the output vector."
        )
    y: Any = x
    for layer in before:
        y = layer(y, mask, structure=side)
    scores = {"return_scores": True} if return_scores else {}
    return end(y, mask, structure=side, return_weights=return_weights, **scores)
