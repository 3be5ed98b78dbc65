"""What an experiment is: models, data, and how large a campaign over them is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from torch import Tensor, nn

from eqsets import FeatureType, FeatureTypeError, equivariance_error
from experiments.designs import standard_titles
from experiments.recipe import Data, Recipe, accuracy, set_cross_entropy

__all__ = ["Experiment", "Job", "Size"]


@dataclass(frozen=True)
class Size:
    """How large a campaign is.

    Arguments:
        recipe: of every training.
        settings: of the experiment, such as numbers of training sets.
        seeds: for each model and setting.
        learning_rates: of which each model gets the one that is best on the validation sets ...
        tune_at: ... of this setting, with the first seed.
        tests: how many of the validation and of the test sets to use, or ``None`` for all.
        nested: choose for each seed by itself, where seeds are splits or folds.
    """

    recipe: Recipe
    settings: tuple[str, ...]
    seeds: tuple[int, ...]
    learning_rates: tuple[float, ...]
    tune_at: str
    tests: int | None = None
    nested: bool = False


@dataclass(frozen=True)
class Experiment:
    """Models, data, and how they meet.

    Arguments:
        name: of the result file.
        title: for people.
        figure: what the figure is, with its unit.
        axis: what the settings are.
        models: for each name how to build the model; it declares ``in_type`` and ``out_type``.
        data: ``data(setting, seed)``; test sets depend on the seed where seeds are splits only.
        sizes: ``"full"``, ``"quick"`` and ``"smoke"``.
        titles: of the models, for people.
        plan: of the networks; finished trainings of another plan do not count.
        chance: the figure of guessing.
        set_size: elements of a set on which equivariance is measured.
        loss: of output and answer.
        score: the figure; higher is better, unless ``lower``.
        lower: whether a lower figure is better.
        decimals: of the figure in tables.
        also: other figures of the same output and answer, by name.
        error: measures the equivariance of a model that is no map between tensors of its types.
        runs: what the seeds are, for people.
        references: what needs no training: for each title, answers to test sets.
    """

    name: str
    title: str
    figure: str
    axis: str
    models: Mapping[str, Callable[[], nn.Module]]
    data: Callable[[str, int], Data]
    sizes: Mapping[str, Size]
    titles: Mapping[str, str] = field(default_factory=standard_titles)
    plan: object = None
    chance: float | None = None
    set_size: int = 4
    loss: Callable[[Tensor, Tensor], Tensor] = set_cross_entropy
    score: Callable[[Tensor, Tensor], float] = accuracy
    lower: bool = False
    decimals: int = 1
    also: Mapping[str, Callable[[Tensor, Tensor], float]] = field(default_factory=dict)
    error: Callable[[nn.Module], float] | None = None
    runs: str = "seeds"
    references: Mapping[str, Callable[[Tensor], Tensor]] = field(default_factory=dict)

    def equivariance_error(self, model: nn.Module) -> float:
        """Return how far a model is from equivariant, relative.

        Raises:
            FeatureTypeError: the model does not say what it maps between.
        """
        if self.error is not None:
            return self.error(model)
        in_type, out_type = model.in_type, model.out_type
        if not (isinstance(in_type, FeatureType) and isinstance(out_type, FeatureType)):
            raise FeatureTypeError(
                f"{type(model).__name__} has in_type={in_type!r}, out_type={out_type!r}, expected "
                "two feature types. Declare on the model what it maps between."
            )
        structure = getattr(model, "structure", None)  # moves with the elements
        report = equivariance_error(
            model, in_type, out_type, samples=2, size=self.set_size, structure=structure
        )
        return report.max


@dataclass(frozen=True)
class Job:
    """One training of a campaign."""

    setting: str
    model: str
    seed: int
    learning_rate: float

    def __str__(self) -> str:
        return f"{self.model}, {self.setting}, lr {self.learning_rate:g}, seed {self.seed}"

    @property
    def key(self) -> str:
        """The name of its files."""
        return f"{self.setting}--{self.model}--{self.learning_rate:g}--{self.seed}"
