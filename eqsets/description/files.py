"""A whole network in one file: its architecture as JSON, and its weights.

Loading runs no code of the file: ``torch.load(weights_only=True)``, and names of plugins.
"""

from __future__ import annotations

import json
from os import PathLike
from pickle import UnpicklingError
from typing import BinaryIO

import torch
from torch import Tensor, nn

from eqsets.description.reading import from_dict
from eqsets.description.writing import to_dict
from eqsets.errors import DescriptionError
from eqsets.registry._references import describe

__all__ = ["load", "save"]


def save(network: nn.Module, file: str | PathLike[str] | BinaryIO) -> None:
    """Write a module of eqsets to a file: what it is, as JSON, and its ``state_dict``.

    Raises:
        DescriptionError: it holds what cannot be described, see :func:`~eqsets.to_dict`, or its
            ``state_dict`` is not that of a module made from its description.

    Example:
        >>> import io
        >>> from eqsets import SetNetwork, load, save
        >>> file = io.BytesIO()
        >>> save(SetNetwork("trivial", [3, 8], readout=2), file)
        >>> _ = file.seek(0)
        >>> load(file).out_type
        InvariantFeatures(count=2)
    """
    plain, state = to_dict(network), network.state_dict()
    again = from_dict(plain).state_dict()
    changed = sorted(set(state) ^ set(again))
    if changed:
        raise DescriptionError(
            f"the state_dict of {type(network).__name__} differs from that of a module made from "
            f"its description in {changed[:5]}, expected the same keys. Save modules as they were "
            "made, or write what was changed down yourself."
        )
    torch.save({"eqsets": json.dumps(plain), "state_dict": state}, file)


def load(
    file: str | PathLike[str] | BinaryIO, *, device: torch.device | str | None = None
) -> nn.Module:
    """Return the module that :func:`~eqsets.save` wrote, in training mode like any new module.

    Arguments:
        file: path, or file open for reading.
        device: where the weights go; where they were when ``None``.

    Raises:
        DescriptionError: it is no file of eqsets, or weights and architecture do not fit.
        PluginError: a plugin that the network needs is not installed.
    """
    try:
        content = torch.load(file, map_location=device, weights_only=True)
    except (UnpicklingError, RuntimeError, EOFError) as error:
        raise _foreign(file, describe(error)) from error
    if not isinstance(content, dict) or set(content) != {"eqsets", "state_dict"}:
        raise _foreign(file, f"it holds {type(content).__name__}")
    state = content["state_dict"]
    try:
        network = from_dict(json.loads(content["eqsets"]))
    except json.JSONDecodeError as error:
        raise _foreign(file, str(error)) from error
    if not isinstance(network, nn.Module):
        raise _foreign(file, f"it describes {type(network).__name__}")
    floating = [v for v in state.values() if isinstance(v, Tensor) and v.is_floating_point()]
    if floating:
        network.to(device=floating[0].device, dtype=floating[0].dtype)
    try:
        network.load_state_dict(state, strict=True)
    except RuntimeError as error:
        raise DescriptionError(
            f"{file}: the weights do not fit the architecture: {error}"
        ) from error
    return network


def _foreign(file: object, problem: str) -> DescriptionError:
    return DescriptionError(
        f"{file} is no file of eqsets.save: {problem}. Expected an architecture and a state_dict. "
        "Write it by eqsets.save(network, path)."
    )
