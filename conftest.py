"""What every test session shares, wherever the tests are (tests/, plugins/*/tests, doctests)."""

from __future__ import annotations

import os

import torch


def pytest_configure() -> None:
    """Give each parallel worker one thread, so that workers do not fight over the cores."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        torch.set_num_threads(1)
