"""The definition of an experiment: models, data, and the sizes of a campaign."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from torch import Tensor, nn

from eqsets import FeatureType, FeatureTypeError, equivariance_error
from experiments.models.designs import standard_titles
from experiments.recipe import Data, Recipe, accuracy, set_cross_entropy

__all__ = ["Experiment", "Job", "Size"]


@dataclass(frozen=True)
class Size:
    """The size of a campaign.

    Arguments:
        recipe: the training configuration.
        settings: of the experiment, such as numbers of training sets.
        seeds: for each model and setting.
        learning_rates: the best one on the validation sets is selected for each model ...
        tune_at: ... at this setting, with the first seed.
        tests: number of validation and of test sets to use, or ``None`` for all.
        nested: select the learning rate for each seed separately (seeds are splits or folds).
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
    """Models, data, loss and measures.

    Arguments:
        name: of the result file.
        title: displayed name.
        figure: name of the measure, with its unit.
        axis: name of the settings.
        models: for each name a function that builds the model, which declares ``in_type`` and
            ``out_type``.
        data: ``data(setting, seed)``; test sets depend on the seed only if seeds are splits.
        sizes: ``"full"``, ``"quick"`` and ``"smoke"``.
        titles: displayed names of the models.
        plan: of the networks; finished trainings of a different plan are ignored.
        chance: the value of the measure for random guesses.
        set_size: set size for the measurement of equivariance.
        loss: of output and target.
        score: the measure; higher is better, unless ``lower``.
        lower: whether a lower value is better.
        decimals: of the measure in tables.
        also: further measures of output and target, by name.
        error: the equivariance error of models that do not map tensors of their types.
        runs: displayed name of the seeds.
        references: methods without training: for each title, outputs for test sets.
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
        """Return the relative equivariance error of a model.

        Raises:
            FeatureTypeError: the model does not declare its feature types.
        """
        if self.error is not None:
            return self.error(model)
        in_type, out_type = model.in_type, model.out_type
        if not (isinstance(in_type, FeatureType) and isinstance(out_type, FeatureType)):
            raise FeatureTypeError(
                f"{type(model).__name__} has in_type={in_type!r}, out_type={out_type!r}, expected "
                "two feature types. Declare in_type and out_type on the model."
            )
        structure = getattr(model, "structure", None)  # transformed with the elements
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
        """The stem of its file names."""
        return f"{self.setting}--{self.model}--{self.learning_rate:g}--{self.seed}"
