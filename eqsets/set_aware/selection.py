"""Which modules of a network become layers of sets, which act on single elements, and which fail.

Nothing is left out silently: a module with weights is converted, or known to act on each element
separately, or left out by the user, or it is named in the error.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from torch import nn

from eqsets.errors import FeatureTypeError, OptionError
from eqsets.symmetry import ElementSymmetry
from eqsets.symmetry.conversion import Conversion, class_names

__all__ = ["Part", "select"]

_WHOLE = frozenset(  # modules that read the weights of their parts instead of calling them
    f"torch.nn.modules.{name}"
    for name in (
        "activation.MultiheadAttention",
        "linear.Bilinear",
        "rnn.RNNBase",
        "rnn.RNNCellBase",
        "transformer.TransformerDecoderLayer",
        "transformer.TransformerEncoderLayer",
    )
)


@dataclass(frozen=True)
class Part:
    """A module with weights in a network.

    Arguments:
        path: its first name in the network.
        module: the module.
        conversion: what its symmetry says about its class, or ``None``.
    """

    path: str
    module: nn.Module
    conversion: Conversion | None

    @property
    def linear(self) -> bool:
        """Whether it is a linear map of the symmetry."""
        return self.conversion is not None and self.conversion.linear

    def __str__(self) -> str:
        return f"{self.path or 'the network itself'} ({type(self.module).__name__})"


def select(
    network: nn.Module, symmetry: ElementSymmetry, layers: str | Sequence[str] | None
) -> tuple[list[Part], list[Part]]:
    """Return the modules to convert, and the others that have weights.

    Arguments:
        network: a network of single elements.
        symmetry: says what is known about classes of modules.
        layers: names or patterns of the modules to convert, or ``None`` for all.

    Raises:
        FeatureTypeError: ``layers`` is ``None`` and a module with weights is of no known class, or
            there is nothing to convert.
        OptionError: a pattern matches no module that can be converted.
    """
    every = list(_walk(network, symmetry.conversions(), "", set()))
    linear = [part for part in every if part.linear]
    if not linear:
        known = sorted(name for c in symmetry.conversions() if c.linear for name in c.classes)
        raise FeatureTypeError(
            f"set_aware found no linear map of {symmetry!r} in {type(network).__name__}, expected "
            f"one of the classes {known}. Say what others are: ElementSymmetry.conversions."
        )
    if layers is None:
        unknown = [str(part) for part in every if part.conversion is None]
        if unknown:
            raise FeatureTypeError(
                f"set_aware cannot convert {', '.join(unknown)}: modules with weights of no class "
                f"that {symmetry!r} knows, expected its linear maps, normalisations and "
                "activations. Apply them to each element separately by naming what to convert, "
                "such as layers='*', or name their class in ElementSymmetry.conversions."
            )
        return linear, [part for part in every if not part.linear]
    patterns = [layers] if isinstance(layers, str) else list(layers)
    names = [part.path for part in linear]
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise OptionError(
                f"set_aware got layers={pattern!r}, which matches no linear map of the network, "
                f"expected names or patterns of {names}. Write for example layers='*'."
            )
    chosen = [one for one in linear if any(fnmatchcase(one.path, p) for p in patterns)]
    paths = {part.path for part in chosen}
    return chosen, [part for part in every if part.path not in paths]


def _walk(
    module: nn.Module, conversions: Sequence[Conversion], path: str, seen: set[int]
) -> Iterator[Part]:
    """Yield the modules that are of a known class, or have weights themselves."""
    if id(module) in seen:
        return
    seen.add(id(module))
    known = next((c for c in conversions if c.matches(module)), None)
    if known is not None and known.linear:
        yield Part(path, module, known)
        return
    if not class_names(module).isdisjoint(_WHOLE):
        yield Part(path, module, None)
        return
    if any(True for _ in module.parameters(recurse=False)):
        yield Part(path, module, known)
    for name, child in module.named_children():
        yield from _walk(child, conversions, f"{path}.{name}" if path else name, seen)
