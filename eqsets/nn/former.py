"""Weights of networks of earlier versions, whose defaults were others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from eqsets.aggregation import Mean
from eqsets.nn.readout import Readout
from eqsets.nn.sequential import SetSequential

__all__ = ["refused_weights"]


def refused_weights(
    blocks: SetSequential,
    version: int,
    normalization: str | None,
    state_dict: Mapping[str, Any],
    prefix: str,
) -> Iterator[str]:
    """Yield why weights do not belong to a network: messages, with what to build instead.

    Arguments:
        blocks: the layers of a :class:`~eqsets.SetNetwork`.
        version: of the network that the weights were saved from.
        normalization: of the network.
        state_dict: the weights.
        prefix: of their names.
    """
    end = blocks.layers[-1]
    if version < 3 and _lack_norms_of_parts(blocks, state_dict, prefix):
        yield (
            f"{prefix}weights of a network without norms of parts, got normalization="
            f"{normalization!r}, since version 0.2 the default where elements are scored. Build it "
            "with normalization='element' (or as it was given)."
        )
    if version < 2 and isinstance(end, Readout) and not _is_mean_of_everything(end):
        yield (
            f"{prefix}weights of a network of version 0.1, whose read-out was the mean of "
            f"everything, got aggregation={end.aggregation!r}, element={end.element!r}. Build "
            "it with readout_aggregation='mean', readout_element='mean', normalization=None "
            "(or as it was given)."
        )


def _lack_norms_of_parts(blocks: SetSequential, state_dict: Mapping[str, Any], prefix: str) -> bool:
    if all(getattr(layer, "part_norms", None) is None for layer in blocks.layers):
        return False
    return not any(key.startswith(prefix) and ".part_norms." in key for key in state_dict)


def _is_mean_of_everything(end: Readout) -> bool:
    return isinstance(end.aggregation, Mean) and end.element == "mean"
