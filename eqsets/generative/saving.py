"""Files of models: weights and plain values only, with a version, written whole or not at all."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from eqsets.errors import OptionError
from eqsets.families import TransformationFamily
from eqsets.training import write_whole

__all__ = ["FORMAT", "SavedModel"]

FORMAT = 2
"""Version of the files. In 1, ``prototype_bank`` was called ``kept``: the model renames it."""

_KIND = "eqsets.SymmetryModel"


@dataclass(frozen=True, eq=False)
class SavedModel:
    """The content of a file.

    Attributes:
        family: the name of the family; ``None`` if it has none.
        family_repr: its ``repr``.
        options: arguments of the model.
        fitted: whether it has a density.
        history: the curves of the fit.
        state: the ``state_dict``.
    """

    family: str | None
    family_repr: str
    options: Mapping[str, Any]
    fitted: bool
    history: Mapping[str, list[dict[str, float]]]
    state: Mapping[str, Tensor]

    def write(self, path: Path) -> None:
        """Write the file; what was at ``path`` stays until the new one is complete."""
        fields = {name: getattr(self, name) for name in self.__dataclass_fields__}
        write_whole({"kind": _KIND, "format": FORMAT, **fields}, path)

    @classmethod
    def read(cls, path: Path) -> SavedModel:
        """Read a file.

        Raises:
            OptionError: it is no model, damaged, or of another version of the format.
            FileNotFoundError: there is no such file.
        """
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
                f"{path} holds something else, expected a file of SymmetryModel.save. Check the "
                "path."
            )
        if content["format"] not in range(1, FORMAT + 1):
            raise OptionError(
                f"{path} has format {content['format']}, expected 1 to {FORMAT}: it was written by "
                "a later version of eqsets. Install that version, or fit and save the model again."
            )
        return cls(**{name: content[name] for name in cls.__dataclass_fields__})

    def family_or(self, given: TransformationFamily | None, path: Path) -> Any:
        """Return the family of the model: the one that is given, or the name.

        Raises:
            OptionError: none is given and it has no name.
        """
        known = self.family if given is None else given
        if known is None:
            raise OptionError(
                f"{path} was saved with the family {self.family_repr}, which has no name, "
                "expected family=. Write SymmetryModel.load(path, family=...)."
            )
        return known

    def check_family(self, family: TransformationFamily, path: Path) -> None:
        """Raise :class:`~eqsets.OptionError` unless a family is the one that was saved."""
        if repr(family) != self.family_repr:
            raise OptionError(
                f"{path} was saved with the family {self.family_repr}, got {family!r}, expected "
                "the same. Pass that family, or install the plugin that it came from."
            )
