"""Discovery of plugins: from installed metadata to one record per name.

Requirements that shaped this module:

- discovery reads installed metadata and imports the small modules of the entry points one by one,
  each in isolation: a plugin that cannot be imported, misspells a hook or returns invalid values
  becomes a record with its cause and does not affect others. The loader of pluggy is not used: one
  failing entry point aborts it, and of two entry points with equal names it silently drops one;
- the object of a name is not imported here;
- two plugins that claim one name are both recorded as a conflict, independent of the order of
  installation;
- the names of the core use the same hooks (:mod:`eqsets.builtin`), and are available even when
  eqsets runs from a source tree that was not installed.

``EQSETS_PLUGINS=a,b`` allows only these plugins (empty: only the core's own names), and
``EQSETS_DISABLE_PLUGINS=a,b`` disables plugins; both take entry-point or distribution names.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from eqsets.errors import choices
from eqsets.hookspecs import PROJECT
from eqsets.registry._claims import claims
from eqsets.registry._first_party import install_command, normalized
from eqsets.registry._records import HOOKS, PluginRecord
from eqsets.registry._references import Failure, attempt

__all__ = ["ALLOW", "DISABLE", "Source", "discover", "sources"]

ALLOW = "EQSETS_PLUGINS"
DISABLE = "EQSETS_DISABLE_PLUGINS"
_BUILTIN = "eqsets.builtin"


@dataclass(frozen=True)
class Source:
    """The origin of a plugin according to the installed metadata."""

    name: str
    reference: str
    distribution: str
    version: str

    @property
    def record(self) -> PluginRecord:
        """The record of the plugin, before its names are known."""
        return PluginRecord(
            name=self.name,
            kind="plugin",
            distribution=self.distribution,
            version=self.version,
            reference=self.reference,
            hint=install_command(self.distribution),
        )


def sources(entry_points: Iterable[importlib.metadata.EntryPoint] | None = None) -> list[Source]:
    """Read the entry points (default: the installed ones) and add the core's own where missing."""
    if entry_points is None:
        entry_points = importlib.metadata.entry_points(group=PROJECT)
    installed = [_source(entry_point) for entry_point in entry_points]
    if not any(source.reference == _BUILTIN for source in installed):
        installed.insert(0, Source("builtin", _BUILTIN, PROJECT, "(source tree)"))
    return installed


def _source(entry_point: importlib.metadata.EntryPoint) -> Source:
    """Read one entry point; for damaged metadata the name says so, instead of an exception."""
    return Source(
        name=entry_point.name,
        reference=entry_point.value.partition("[")[0].strip(),
        distribution=_metadata(entry_point, "Name") or "(unknown distribution)",
        version=_metadata(entry_point, "Version") or "(unknown version)",
    )


def _metadata(entry_point: importlib.metadata.EntryPoint, field: str) -> str | None:
    """Return one field of the metadata of an entry point's distribution, if it is there."""
    if entry_point.dist is None or field not in entry_point.dist.metadata:
        return None
    return entry_point.dist.metadata[field]


def discover(candidates: Iterable[Source], environ: Mapping[str, str]) -> tuple[PluginRecord, ...]:
    """Return every record, sorted: names by kind, then the plugins that could not be loaded."""
    known = list(candidates)
    records = [record for source in known for record in _records_of(source, environ)]
    records = _with_conflicts(list(dict.fromkeys(records))) + _not_installed(known, environ)
    order = [*HOOKS.values(), "plugin"]
    return tuple(sorted(records, key=lambda r: (order.index(r.kind), r.name, r.distribution)))


def _records_of(source: Source, environ: Mapping[str, str]) -> list[PluginRecord]:
    """Return the records of one plugin; errors are stored in them."""
    switched_off = _switched_off(source, environ)
    if switched_off is not None:
        return [switched_off]
    outcome = attempt(lambda: claims(source.record))
    if isinstance(outcome, Failure):
        return [replace(source.record, status="broken", error=outcome.text, cause=outcome.cause)]
    return outcome


def _switched_off(source: Source, environ: Mapping[str, str]) -> PluginRecord | None:
    """Return the record of a disabled plugin, or ``None`` when it is allowed."""
    if source.reference == _BUILTIN:
        return None
    names = {source.name, normalized(source.distribution)}
    if names & set(_listed(environ, DISABLE)):
        error = f"switched off by {DISABLE}={environ[DISABLE]}"
        hint = f"remove {source.name!r} from the environment variable {DISABLE}"
    elif ALLOW in environ and not names & set(_listed(environ, ALLOW)):
        error = f"not on the list {ALLOW}={environ[ALLOW]}"
        hint = f"add {source.name!r} to the environment variable {ALLOW}, or unset it"
    else:
        return None
    return replace(source.record, status="disabled", error=error, hint=hint)


def _listed(environ: Mapping[str, str], variable: str) -> list[str]:
    """Return the names in an environment variable, as they are and normalized."""
    names = [name.strip() for name in environ.get(variable, "").split(",") if name.strip()]
    return [*names, *(normalized(name) for name in names)]


def _not_installed(installed: list[Source], environ: Mapping[str, str]) -> list[PluginRecord]:
    """Return a broken record for each plugin on the allow list that is not installed."""
    known = {name for s in installed for name in (s.name, normalized(s.distribution))}
    missing = [
        name
        for name in dict.fromkeys(part.strip() for part in environ.get(ALLOW, "").split(","))
        if name and not {name, normalized(name)} & known
    ]
    return [
        PluginRecord(
            name=name,
            kind="plugin",
            distribution="(not installed)",
            version="",
            status="broken",
            error=f"{ALLOW} names {name!r}, which is not installed; {choices(name, known)}",
            hint=f"install it, or remove {name!r} from the environment variable {ALLOW}",
        )
        for name in missing
    ]


def _with_conflicts(records: list[PluginRecord]) -> list[PluginRecord]:
    """Record a conflict for every name that more than one plugin claims."""
    claimants: dict[tuple[str, str], list[PluginRecord]] = {}
    for record in records:
        if record.kind != "plugin":
            claimants.setdefault((record.kind, record.name), []).append(record)
    return [
        _in_conflict(record, claimants[record.kind, record.name])
        if len(claimants.get((record.kind, record.name), ())) > 1
        else record
        for record in records
    ]


def _in_conflict(record: PluginRecord, claimed: list[PluginRecord]) -> PluginRecord:
    """Return ``record`` as one of several claims to its name, all of them named."""
    owners = " and ".join(f"{claim.owner} ({claim.reference})" for claim in claimed)
    return replace(
        record,
        status="conflict",
        error=f"the {record.kind} {record.name!r} is claimed by {owners}",
        hint=f"uninstall one of them, or name its distribution in {DISABLE}",
    )
