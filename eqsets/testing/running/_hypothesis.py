"""The one module where hypothesis is imported: when a law is tried, not before."""

from __future__ import annotations

from typing import Any

from eqsets.errors import PluginError

__all__ = ["hypothesis_module"]


def hypothesis_module() -> Any:
    """Import and return ``hypothesis``, with ``hypothesis.strategies`` loaded.

    Raises:
        PluginError: it is not installed.
    """
    try:
        import hypothesis
        import hypothesis.strategies
    except ImportError as error:
        raise PluginError(
            "eqsets.testing tries the laws on examples that hypothesis draws, which cannot be "
            'imported; expected it to be installed. Run: pip install "eqsets[testing]"'
        ) from error
    return hypothesis
