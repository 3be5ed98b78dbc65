"""The results of a run: PSNR with standard errors."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import Any

__all__ = ["Report", "Score"]


@dataclass(frozen=True)
class Score:
    """The PSNR of one method on the test bursts.

    Arguments:
        name: ``"mean"`` for the mean frame, or the name of a model.
        title: displayed name.
        psnr: of each test burst, in dB.
        parameters: number of parameters of the model.
        seconds: CPU time of the training.
    """

    name: str
    title: str
    psnr: tuple[float, ...]
    parameters: int = 0
    seconds: float = 0.0

    @property
    def mean(self) -> float:
        """Mean PSNR over the test bursts, in dB."""
        return statistics.fmean(self.psnr)

    @property
    def error(self) -> float:
        """Standard error of the mean PSNR over the test bursts, in dB."""
        return _standard_error(self.psnr)

    def gain(self, other: Score) -> tuple[float, float]:
        """Return the mean paired difference to another method in dB, and its standard error.

        Example:
            >>> Score("dss", "DSS", (30.0, 32.0)).gain(Score("mean", "mean frame", (28.0, 29.0)))
            (2.5, 0.5)
        """
        pairs = zip(self.psnr, other.psnr, strict=True)
        differences = [ours - theirs for ours, theirs in pairs]
        return statistics.fmean(differences), _standard_error(differences)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return {
            "name": self.name,
            "title": self.title,
            "psnr_db": round(self.mean, 3),
            "standard_error_db": round(self.error, 3),
            "parameters": self.parameters,
            "cpu_seconds": round(self.seconds, 1),
            "psnr_of_each_burst_db": [round(value, 3) for value in self.psnr],
        }


def _standard_error(values: tuple[float, ...] | list[float]) -> float:
    return statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else float("nan")


@dataclass(frozen=True)
class Report:
    """All results of a run.

    Arguments:
        recipe: as plain values.
        contract: for each element group its name, whether all laws passed, and a summary.
        scores: of the mean frame and of each model, worst first.
        figure: path of the figure.
        seconds: wall time of the run.
    """

    recipe: dict[str, Any]
    contract: tuple[dict[str, Any], ...]
    scores: tuple[Score, ...]
    figure: str
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether all element groups pass their contract."""
        return all(entry["ok"] for entry in self.contract)

    def __getitem__(self, name: str) -> Score:
        return {score.name: score for score in self.scores}[name]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        gains = {
            other.name: dict(zip(("db", "standard_error_db"), self["dss"].gain(other), strict=True))
            for other in self.scores
            if other.name != "dss"
        }
        return {
            "scores": [score.to_dict() for score in self.scores],
            "gain_of_dss_over": gains,
            "contract": list(self.contract),
            "recipe": self.recipe,
            "figure": self.figure,
            "seconds": round(self.seconds, 1),
        }
