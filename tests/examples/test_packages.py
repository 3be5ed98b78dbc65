"""Data files of packages are found without importing the packages."""

from __future__ import annotations

import sys

import pytest

from eqsets import OptionError
from experiments.data.packages import package_folder


def test_the_folder_of_a_package_is_found_without_importing_it():
    before = set(sys.modules)
    assert (package_folder("sktime", "1.2.0") / "datasets").is_dir()
    assert "sktime" in before or "sktime" not in sys.modules


def test_a_package_that_is_not_there_is_named():
    with pytest.raises(
        OptionError, match=r"nosuchdata is not installed.*install --no-deps nosuchdata==3"
    ):
        package_folder("nosuchdata", "3")
