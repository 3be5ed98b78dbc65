"""Saved models: one file, weights and plain values only, with a version."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from eqsets.errors import OptionError
from eqsets.families import TransformationFamily
from eqsets.generative.density.conditional import ConditionalDensity
from eqsets.generative.training.files import write_whole
from eqsets.generative.training.objective import Fit

if TYPE_CHECKING:
    from eqsets.generative.model import SymmetryModel

__all__ = ["FORMAT", "load_model", "save_model"]

FORMAT = 1
"""Version of the files; one that cannot be read the same way gets another number."""

_KIND = "eqsets.SymmetryModel"


def save_model(model: SymmetryModel, path: Path) -> None:
    """Write a model; what was at ``path`` stays until the new file is complete."""
    options = {
        "image_shape": list(model.image_shape),
        "backbone": model.backbone,
        "background": model.background,
        "passes": model.passes,
        "dropout": model.dropout,
    }
    content = {
        "kind": _KIND,
        "format": FORMAT,
        "family": model.name,
        "family_repr": repr(model.family),
        "options": options,
        "fitted": model.density is not None,
        "history": {name: list(curve) for name, curve in model.history._asdict().items()},
        "state": {name: tensor.cpu() for name, tensor in model.state_dict().items()},
    }
    write_whole(content, path)


def load_model(
    cls: type[SymmetryModel], path: Path, family: TransformationFamily | None
) -> SymmetryModel:
    """Read a model; see :meth:`SymmetryModel.load`."""
    content = _read(path)
    known: Any = family if family is not None else content["family"]
    if known is None:
        raise OptionError(
            f"{path} was saved with the family {content['family_repr']}, which has no name, "
            "expected family=. Write SymmetryModel.load(path, family=...)."
        )
    options = dict(content["options"])
    shape = tuple(options.pop("image_shape"))
    model = cls(known, (shape[0], shape[1], shape[2]), **options)
    if repr(model.family) != content["family_repr"]:
        raise OptionError(
            f"{path} was saved with the family {content['family_repr']}, got {model.family!r}, "
            "expected the same. Pass that family, or install the plugin that it came from."
        )
    if content["fitted"]:
        model.density = ConditionalDensity(model.chart, model.image_shape, dropout=model.dropout)
    model.kept = torch.zeros_like(content["state"]["kept"])
    model.load_state_dict(content["state"])
    model.history = Fit(**content["history"])
    return model.eval()


def _read(path: Path) -> dict[str, Any]:
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError) as error:
        raise OptionError(
            f"{path} cannot be read ({error}), expected a file of SymmetryModel.save. "
            "Is it damaged, or of another program?"
        ) from error
    if not isinstance(content, dict) or content.get("kind") != _KIND:
        raise OptionError(
            f"{path} holds something else, expected a file of SymmetryModel.save. Check the path."
        )
    if content["format"] != FORMAT:
        raise OptionError(
            f"{path} has format {content['format']}, expected {FORMAT}: it was written by another "
            "version of eqsets. Install that version, or fit and save the model again."
        )
    return content
