"""The hooks of eqsets: the whole surface through which a plugin adds names.

Requirements that shaped this module:

- a plugin says *which names* it provides without importing what stands behind them, so every hook
  returns lazy references: ``{name: "module:attribute"}``;
- the attribute is a class or function that is called with the user's options
  (``element_group("planar", rotations=8)`` calls it with ``rotations=8``);
- a misspelled hook is found at registration, which is what pluggy is used for.

A plugin is an installed distribution with an entry point in the group ``eqsets``, naming a tiny
module:

.. code-block:: toml

    [project.entry-points.eqsets]
    planar = "eqsets_planar.plugin"

and that module reads:

.. code-block:: python

    from eqsets import hookimpl

    requires = ("escnn",)  # optional: top-level modules that must be installed
    install_hint = {"planar": "pip install --no-deps escnn==1.0.11"}  # optional: how to fix it
    api_version = 1  # optional: the version of these hooks that the plugin was written for


    @hookimpl
    def eqsets_element_symmetries():
        return {"planar": "eqsets_planar.symmetry:Planar"}

What this module does not do: find or load plugins, see :mod:`eqsets.registry`.
"""

from __future__ import annotations

from collections.abc import Mapping

import pluggy

__all__ = [
    "API_VERSION",
    "PROJECT",
    "eqsets_aggregations",
    "eqsets_element_symmetries",
    "eqsets_modules",
    "eqsets_test_specs",
    "eqsets_transformations",
    "hookimpl",
    "hookspec",
]

PROJECT = "eqsets"
"""The project name of the hooks, and the entry-point group that plugins use."""

API_VERSION = 1
"""The version of these hooks; a plugin that declares another one is reported as incompatible."""

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def eqsets_element_symmetries() -> Mapping[str, str]:
    """Return ``{name: "module:attribute"}``; the attribute builds an ``ElementSymmetry``."""
    return {}


@hookspec
def eqsets_transformations() -> Mapping[str, str]:
    """Return ``{name: "module:attribute"}``; the attribute builds a ``TransformationFamily``."""
    return {}


@hookspec
def eqsets_aggregations() -> Mapping[str, str]:
    """Return ``{name: "module:attribute"}``; the attribute builds an ``Aggregation``."""
    return {}


@hookspec
def eqsets_modules() -> Mapping[str, str]:
    """Return ``{name: "module:attribute"}``; the attribute is a class of set modules.

    It carries :func:`eqsets.register_module` with the same name, so that files with such a module
    are read wherever the plugin is installed.
    """
    return {}


@hookspec
def eqsets_test_specs() -> Mapping[str, str]:
    """Return ``{name: "module:attribute"}``; the attribute builds the record to test a name with.

    The record is what :func:`eqsets.testing.check` takes, so ``eqsets check NAME`` works with no
    code of the user. Names are those of the other hooks.
    """
    return {}
