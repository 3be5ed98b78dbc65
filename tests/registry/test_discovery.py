"""Discovery: metadata only, each plugin in isolation, nothing dropped silently."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint
from textwrap import dedent

import pytest

from eqsets.registry import PluginRecord, Registry

GOOD = """
    from eqsets.hookspecs import hookimpl

    @hookimpl
    def eqsets_element_symmetries():
        return {"knots": "heavy_knots:Knots"}
"""


def registry(site, **environ) -> Registry:
    return Registry(site.entry_points(), environ)


def record(plugins: Registry, name: str, kind: str = "element group") -> PluginRecord:
    (only,) = [r for r in plugins.records() if r.name == name and r.kind == kind]
    return only


def test_core_names_need_no_installed_metadata():
    result = Registry([], {})
    assert [r.name for r in result.records("element group")] == [
        "cyclic",
        "dihedral",
        "grid-rotations",
        "product",
        "sets",
        "symmetric",
        "trivial",
    ]
    assert {(r.distribution, r.version, r.status) for r in result.records()} == {
        ("eqsets", "(source tree)", "ok")
    }


def test_core_names_come_from_their_entry_point_when_it_is_installed(site):
    site.install("eqsets", {"builtin": "eqsets.builtin"}, version="7.1")
    assert record(registry(site), "cyclic").owner == "eqsets 7.1"


def test_a_name_is_listed_without_importing_what_is_behind_it(site):
    site.install("knots", {"knots": "knots_plugin"}, knots_plugin=GOOD, heavy_knots="1 / 0")
    result = record(registry(site), "knots")
    assert (result.status, result.error, result.owner) == ("ok", None, "knots 1.0")
    assert result.reference == "heavy_knots:Knots"
    assert "heavy_knots" not in sys.modules


@pytest.mark.parametrize(
    ("source", "cause"),
    [
        ("import no_such_backend", "ModuleNotFoundError: No module named 'no_such_backend'"),
        ("def broken(:", "SyntaxError: "),
        ("class Strange(Exception): pass\nraise Strange('odd')", "Strange: odd"),
        ("raise SystemExit('tired')", "SystemExit: tired"),
        ("x = 1", "PluginError: 'broken' implements no hook; expected at least one of"),
    ],
)
def test_a_broken_plugin_is_recorded_and_breaks_nothing_else(site, source, cause):
    site.install("broken-dist", {"broken": "broken_plugin"}, version="0.3", broken_plugin=source)
    site.install("knots", {"knots": "knots_plugin"}, knots_plugin=GOOD)
    result = registry(site)
    broken = record(result, "broken", "plugin")
    assert (broken.status, broken.owner) == ("broken", "broken-dist 0.3")
    assert broken.error is not None
    assert broken.error.startswith(cause)
    assert broken.hint == "pip install --upgrade broken-dist"
    assert record(result, "knots").status == "ok"
    assert record(result, "cyclic").status == "ok"


def test_a_misspelled_hook_is_found(site):
    source = GOOD.replace("eqsets_element_symmetries", "eqsets_element_symmetry")
    site.install("knots", {"knots": "knots_plugin"}, knots_plugin=source)
    result = record(registry(site), "knots", "plugin")
    assert result.status == "broken"
    assert "'eqsets_element_symmetry' is not a hook of eqsets" in (result.error or "")
    assert "Did you mean 'eqsets_element_symmetries'?" in (result.error or "")


def test_a_hook_without_the_marker_is_found(site):
    source = GOOD.replace("@hookimpl", "")
    site.install("knots", {"knots": "knots_plugin"}, knots_plugin=source)
    error = record(registry(site), "knots", "plugin").error or ""
    assert "Decorate it with @eqsets.hookimpl" in error


@pytest.mark.parametrize(
    ("returned", "cause"),
    [
        ("['knots']", "eqsets_element_symmetries returned a list, expected a dictionary"),
        ("{'knots': 'heavy_knots'}", "maps 'knots' to 'heavy_knots', expected a lazy reference"),
        ("{'knots': object}", "expected a lazy reference 'module:attribute' as text"),
        ("{'a+b': 'm:a'}", "provides the name 'a+b', expected letters, digits"),
        ("{}", "provide no name"),
        ("None", "provide no name"),
        ("{}[1]", "KeyError: 1"),
    ],
)
def test_what_a_hook_returns_is_checked(site, returned, cause):
    source = GOOD.replace('{"knots": "heavy_knots:Knots"}', returned)
    site.install("knots", {"knots": "knots_plugin"}, knots_plugin=source)
    result = record(registry(site), "knots", "plugin")
    assert result.status == "broken"
    assert cause in (result.error or "")


def test_a_hook_with_unknown_arguments_is_found(site):
    source = GOOD.replace("eqsets_element_symmetries()", "eqsets_element_symmetries(registry)")
    site.install("knots", {"knots": "knots_plugin"}, knots_plugin=source)
    assert "PluginValidationError" in (record(registry(site), "knots", "plugin").error or "")


def test_a_missing_attribute_of_the_plugin_module_is_found(site):
    site.install("knots", {"knots": "knots_plugin:plugin"}, knots_plugin=GOOD)
    assert "does not exist" in (record(registry(site), "knots", "plugin").error or "")


def test_two_owners_of_a_name_are_both_listed_in_conflict(site):
    site.install("knots", {"knots": "knots_plugin"}, knots_plugin=GOOD)
    other = GOOD.replace("heavy_knots", "other_knots")
    site.install("ropes", {"ropes": "ropes_plugin"}, version="2.0", ropes_plugin=other)
    claims = [r for r in registry(site).records() if r.name == "knots"]
    assert [(r.status, r.distribution) for r in claims] == [
        ("conflict", "knots"),
        ("conflict", "ropes"),
    ]
    for claim in claims:
        assert "knots 1.0 (heavy_knots:Knots) and ropes 2.0 (other_knots:Knots)" in claim.error


def test_equal_entry_point_names_of_two_distributions_both_count(site):
    site.install("knots", {"plugin": "knots_plugin"}, knots_plugin=GOOD)
    other = GOOD.replace('"knots"', '"ropes"')
    site.install("ropes", {"plugin": "ropes_plugin"}, ropes_plugin=other)
    result = registry(site)
    assert record(result, "knots").status == "ok"
    assert record(result, "ropes").status == "ok"


def test_one_name_may_mean_different_kinds_of_things(site):
    both = GOOD + GOOD.replace("element_symmetries", "transformations")
    site.install("knots", {"knots": "knots_plugin"}, knots_plugin=both)
    result = registry(site)
    assert record(result, "knots").status == "ok"
    assert record(result, "knots", "transformation").status == "ok"


def test_the_same_plugin_under_two_entry_points_is_no_conflict(site):
    site.install("knots", {"a": "knots_plugin", "b": "knots_plugin"}, knots_plugin=GOOD)
    assert record(registry(site), "knots").status == "ok"


@pytest.mark.parametrize("name", ["knots", "Knots.Dist", "knots-dist"])
def test_a_plugin_can_be_switched_off_by_entry_point_or_distribution(site, name):
    site.install("knots-dist", {"knots": "knots_plugin"}, knots_plugin="1 / 0")
    result = registry(site, EQSETS_DISABLE_PLUGINS=f"something, {name}")
    off = record(result, "knots", "plugin")
    assert off.status == "disabled"
    assert "switched off by EQSETS_DISABLE_PLUGINS" in (off.error or "")
    assert "knots_plugin" not in sys.modules


def test_an_empty_allow_list_leaves_the_core_alone(site):
    site.install("knots", {"knots": "knots_plugin"}, knots_plugin=GOOD)
    result = registry(site, EQSETS_PLUGINS="")
    assert record(result, "knots", "plugin").status == "disabled"
    assert record(result, "cyclic").status == "ok"


def test_an_allow_list_allows_what_is_on_it(site):
    site.install("knots", {"knots": "knots_plugin"}, knots_plugin=GOOD)
    site.install("ropes", {"ropes": "ropes_plugin"}, ropes_plugin="1 / 0")
    result = registry(site, EQSETS_PLUGINS="knots")
    assert record(result, "knots").status == "ok"
    assert record(result, "ropes", "plugin").status == "disabled"


def test_a_misspelled_allow_list_is_reported(site):
    site.install("knots", {"knots": "knots_plugin"}, knots_plugin=GOOD)
    missing = record(registry(site, EQSETS_PLUGINS="knotz"), "knotz", "plugin")
    assert missing.status == "broken"
    assert "Did you mean 'knots'?" in (missing.error or "")


@pytest.mark.parametrize(
    ("version", "hint"), [(99, "pip install --upgrade eqsets"), (0, "pip install --upgrade knots")]
)
def test_a_plugin_for_other_hooks_is_incompatible(site, version, hint):
    source = f"api_version = {version}\nraise_if_asked = 1"
    site.install("knots", {"knots": "knots_plugin"}, knots_plugin=source)
    result = record(registry(site), "knots", "plugin")
    assert (result.status, result.hint) == ("incompatible", hint)
    assert result.error == f"written for api_version {version}, this eqsets has 1"


def test_a_missing_requirement_is_found_without_importing_anything(site):
    source = (
        "requires = ('math', 'no_such_backend')\n"
        "install_hint = {'knots': 'pip install no-such-backend'}\n" + dedent(GOOD)
    )
    site.install("knots", {"knots": "knots_plugin"}, knots_plugin=source)
    result = record(registry(site), "knots")
    assert result.status == "broken"
    assert result.error == "needs 'no_such_backend', which cannot be imported"
    assert result.hint == "pip install no-such-backend"


@pytest.mark.parametrize(
    ("line", "cause"),
    [("requires = 'escnn'", "requires is 'escnn'"), ("install_hint = 'pip'", "install_hint is a")],
)
def test_plugin_attributes_are_checked(site, line, cause):
    source = f"{line}\n{dedent(GOOD)}"
    site.install("knots", {"knots": "knots_plugin"}, knots_plugin=source)
    assert cause in (record(registry(site), "knots", "plugin").error or "")


def test_damaged_metadata_are_no_exception():
    result = Registry([EntryPoint("lost", "no_such_module", "eqsets")], {})
    lost = record(result, "lost", "plugin")
    assert lost.owner == "(unknown distribution) (unknown version)"
    assert lost.status == "broken"


def test_records_are_values_that_go_to_json():
    result = record(Registry([], {}), "cyclic")
    assert result == record(Registry([], {}), "cyclic")
    assert result.to_dict()["reference"] == "eqsets.generated:cyclic"
    with pytest.raises(AttributeError):
        result.name = "other"  # type: ignore[misc]
