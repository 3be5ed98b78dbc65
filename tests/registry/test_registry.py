"""From a name to an object, and every way in which that can fail."""

from __future__ import annotations

import subprocess
import sys

import pytest

from eqsets.aggregation import Mean, Sum
from eqsets.errors import DescriptionError, EqsetsError, OptionError, PluginError
from eqsets.registry import (
    Registry,
    aggregation,
    default_registry,
    element_group,
    origin_of,
    plugins,
    transformation,
)

PLUGIN = """
    from eqsets.hookspecs import hookimpl

    install_hint = {"knots": "pip install knot-theory"}

    @hookimpl
    def eqsets_element_symmetries():
        return {"knots": "heavy_knots:Knots", "nothing": "heavy_knots:nothing"}

    @hookimpl
    def eqsets_transformations():
        return {
            "twist": "heavy_knots:Twist",
            "pull": "heavy_knots:pull",
            "untwist": "heavy_knots:nothing",
        }

    @hookimpl
    def eqsets_test_specs():
        return {"knots": "heavy_knots:subject"}
"""
HEAVY = """
    from eqsets import TransformationFamily
    from eqsets.families import Parameter
    from eqsets.generated import cyclic
    from eqsets.groups import CyclicGroup

    def Knots(crossings, *, oriented=True):
        return cyclic(crossings)

    def nothing():
        return 42

    class Twist(TransformationFamily):
        group = CyclicGroup(2)
        element = parameters = act = None

        def __init__(self, name="twist"):
            self.name = name

        @property
        def parameters_of_eta(self):
            return (Parameter.discrete(self.name, "turns", 2),)

    def pull():
        return Twist("pull")

    def subject():
        return "a record"
"""


@pytest.fixture
def knots(site) -> Registry:
    site.install("knots", {"knots": "knots_plugin"}, knots_plugin=PLUGIN, heavy_knots=HEAVY)
    return Registry(site.entry_points(), {})


def broken(site, source: str) -> Registry:
    site.install("knots", {"knots": "knots_plugin"}, knots_plugin=PLUGIN, heavy_knots=source)
    return Registry(site.entry_points(), {})


def test_a_name_with_options_builds_a_symmetry(knots):
    assert knots.element_group("knots", {"crossings": 5}).group.order == 5


def test_what_is_behind_a_name_is_imported_on_first_use(knots):
    assert "heavy_knots" not in sys.modules
    knots.element_group("knots", {"crossings": 3})
    assert "heavy_knots" in sys.modules


def test_public_functions_use_the_installed_plugins():
    assert element_group("cyclic", size=4).group.order == 4
    assert aggregation("mean") == Mean()
    assert {"cyclic", "sum"} <= {record.name for record in plugins()}
    assert default_registry() is default_registry()


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("trivial", {}),
        ("cyclic", {"size": 3}),
        ("dihedral", {"size": 3}),
        ("symmetric", {"size": 3}),
        ("grid-rotations", {"height": 2, "width": 2, "reflections": True}),
    ],
)
def test_every_core_name_builds(name, options):
    assert Registry([], {}).element_group(name, options).group is not None


@pytest.mark.parametrize("name", ["sum", "mean", "max", "centered", "none", "sridhar", "aittala"])
def test_every_core_aggregation_builds(name):
    assert Registry([], {}).aggregation(name, {}).combiner


def test_an_object_is_named_by_the_package_that_exports_its_class():
    assert Mean.__module__ != "eqsets.aggregation"  # the reference of the name
    assert origin_of("aggregation", Mean(), "aggregation").name == "mean"
    with pytest.raises(DescriptionError, match="not what an installed plugin provides"):
        origin_of("aggregation", object.__new__(type("Mean", (), {})), "aggregation")


def test_objects_pass_through():
    symmetry, strategy = element_group("cyclic", size=3), Sum()
    assert element_group(symmetry) is symmetry
    assert aggregation(strategy) is strategy


def test_options_with_an_object_are_an_error():
    symmetry = element_group("cyclic", size=3)
    with pytest.raises(OptionError, match="given together with size, expected options with a name"):
        element_group(symmetry, size=3)


@pytest.mark.parametrize("wrong", [3, None, Sum()])
def test_something_else_is_an_error(wrong):
    with pytest.raises(OptionError, match="expected a name or an object of class ElementSymmetry"):
        element_group(wrong)


def test_a_class_instead_of_an_object_is_an_error():
    with pytest.raises(OptionError, match="Call the class to build an object"):
        aggregation(Sum)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, r"given no options: missing a required argument: 'crossings'"),
        ({"crossing": 3}, r"given crossing=3: .*It takes crossings=\.\.\., oriented=True"),
        ({"crossings": 3, "colour": 1}, r"unexpected keyword argument 'colour'"),
    ],
)
def test_wrong_options_name_the_accepted_ones(knots, options, message):
    with pytest.raises(OptionError, match=message) as caught:
        knots.element_group("knots", options)
    assert isinstance(caught.value, TypeError)
    assert isinstance(caught.value, EqsetsError)


def test_a_name_without_options_says_so(knots):
    with pytest.raises(OptionError, match="It takes no options"):
        knots.element_group("trivial", {"size": 3})


def test_an_unknown_name_lists_the_choices_sorted(knots):
    message = "there is no element group 'cylic'; choose one of 'cyclic', 'dihedral', .*"
    with pytest.raises(PluginError, match=message + "Did you mean 'cyclic'"):
        knots.element_group("cylic", {})
    with pytest.raises(PluginError, match=r"no aggregation 'maen'.*Did you mean 'mean'"):
        knots.aggregation("maen", {})


def test_a_name_of_another_kind_is_pointed_out(knots):
    with pytest.raises(PluginError, match=r"of another kind, as in eqsets.transformation"):
        knots.element_group("twist", {})


@pytest.mark.parametrize("name", ["permutations", "planar", "spatial", "translations"])
def test_a_first_party_name_says_how_to_install_it(name):
    message = rf'comes with eqsets-{name}, which is not installed.*install "eqsets\[{name}\]"'
    with pytest.raises(PluginError, match=message):
        Registry([], {}).element_group(name, {})


def test_a_first_party_transformation_says_how_to_install_it():
    with pytest.raises(
        PluginError, match=r'comes with eqsets-color.*pip install "eqsets\[color\]"'
    ):
        Registry([], {}).transformation("hsv", {})


def test_a_first_party_plugin_that_is_switched_off_is_not_reported_as_missing(site):
    site.install("eqsets-planar", {"planar": "planar_plugin"}, planar_plugin="")
    result = Registry(site.entry_points(), {"EQSETS_DISABLE_PLUGINS": "planar"})
    with pytest.raises(PluginError, match=r"eqsets-planar 1.0, which is disabled \(switched off"):
        result.element_group("planar", {})


def test_an_unknown_name_mentions_the_plugins_that_could_not_be_loaded(site):
    site.install("ropes", {"ropes": "ropes_plugin"}, ropes_plugin="1 / 0")
    with pytest.raises(PluginError, match=r"'ropes' of ropes 1.0 \(broken\); `eqsets plugins`"):
        Registry(site.entry_points(), {}).element_group("hitch", {})


@pytest.mark.parametrize(
    ("source", "cause", "kind"),
    [
        ("import no_such_backend", "No module named 'no_such_backend'", ModuleNotFoundError),
        ("raise RuntimeError('numpy is too new')", "numpy is too new", RuntimeError),
        ("", "has no attribute 'Knots'", PluginError),
    ],
)
def test_a_name_whose_backend_fails_says_why_and_how_to_fix_it(site, source, cause, kind):
    result = broken(site, source)
    message = f"'knots' of knots 1.0 cannot be used: .*{cause}.*fix it: pip install knot-theory"
    with pytest.raises(PluginError, match=message) as caught:
        result.element_group("knots", {"crossings": 3})
    assert isinstance(caught.value.__cause__, kind)
    assert result.element_group("trivial", {}) is not None


def test_a_backend_that_is_missing_while_building_says_how_to_fix_it(site):
    result = broken(site, "def Knots():\n        import no_such_backend")
    with pytest.raises(PluginError, match=r"no_such_backend.*pip install knot-theory") as caught:
        result.element_group("knots", {})
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)


def test_a_reference_to_a_value_is_an_error(site):
    with pytest.raises(PluginError, match="3 is not a class or function"):
        broken(site, "Knots = 3").element_group("knots", {})


def test_a_plugin_that_builds_something_else_is_an_error(knots):
    message = "'nothing' of knots 1.0 built a int, expected a subclass of eqsets.ElementSymmetry"
    with pytest.raises(PluginError, match=message):
        knots.element_group("nothing", {})


def test_a_name_with_two_owners_cannot_be_used(site):
    site.install("knots", {"knots": "knots_plugin"}, knots_plugin=PLUGIN, heavy_knots=HEAVY)
    site.install(
        "ropes", {"knots": "ropes_plugin"}, "2.1", ropes_plugin=PLUGIN.replace("y_k", "_k")
    )
    message = r"claimed by knots 1.0 .* and ropes 2.1 .*EQSETS_DISABLE_PLUGINS"
    with pytest.raises(PluginError, match=message):
        Registry(site.entry_points(), {}).element_group("knots", {"crossings": 3})
    settled = Registry(site.entry_points(), {"EQSETS_DISABLE_PLUGINS": "ropes"})
    assert settled.element_group("knots", {"crossings": 3}).group.order == 3


def test_a_missing_requirement_cannot_be_used(site):
    source = "requires = ('no_such_backend',)\n" + PLUGIN.replace("\n    ", "\n")
    site.install("knots", {"knots": "knots_plugin"}, knots_plugin=source)
    with pytest.raises(PluginError, match=r"needs 'no_such_backend'.*pip install knot-theory"):
        Registry(site.entry_points(), {}).element_group("knots", {})


def test_transformations_multiply_from_left_to_right(knots):
    assert knots.transformation("twist", {}).names == ("twist",)
    loop = knots.transformation("twist", {"name": "loop"})
    assert loop.names == ("loop",)
    assert knots.transformation(loop, {}) is loop
    both = knots.transformation("twist + pull", {})
    assert both.names == ("twist", "pull")
    assert (both * loop).names == ("twist", "pull", "loop")
    with pytest.raises(OptionError, match=r"parameters twist \(twist twice\)"):
        knots.transformation("twist+twist", {})


def test_what_is_no_family_is_the_fault_of_the_plugin(knots):
    with pytest.raises(PluginError, match="built a int, expected a subclass of eqsets"):
        knots.transformation("untwist", {})


def test_options_of_a_product_are_an_error(knots):
    with pytest.raises(OptionError, match="given name, expected no options for a product"):
        knots.transformation("twist+pull", {"name": "loop"})


@pytest.mark.parametrize("name", ["", "twist+", "+twist", "twist++pull"])
def test_an_empty_factor_is_an_unknown_name(knots, name):
    with pytest.raises(PluginError, match="there is no transformation ''"):
        knots.transformation(name, {})


def test_a_transformation_is_a_name_or_a_family():
    with pytest.raises(OptionError, match="transformation is 3, expected a name or an object"):
        transformation(3)


def test_testing_subjects_are_found_and_not_listed(knots):
    assert knots.contract_spec("knots") == "a record"
    assert knots.contract_spec("cyclic-of-nobody") is None
    assert "contract spec" not in {record.kind for record in knots.plugins()}


@pytest.mark.slow
def test_listing_the_installed_plugins_imports_no_backend():
    code = "import sys, eqsets.registry as r; r.plugins(); print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"escnn", "e3nn", "torch_geometric", "hypothesis", "pytest", "matplotlib", "scipy"}
    assert "eqsets.registry" in run.stdout.split()
    assert not (heavy | {"click", "rich", "skimage"}) & set(run.stdout.split())
