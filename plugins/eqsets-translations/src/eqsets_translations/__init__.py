"""Sets of signals, images and volumes: the group of translations, and convolutions."""

from eqsets_translations.convolution import Convolution
from eqsets_translations.features import GridFeatures
from eqsets_translations.resample import GridPool, GridUpsample
from eqsets_translations.shifts import Shifts
from eqsets_translations.symmetry import Translations

__all__ = ["Convolution", "GridFeatures", "GridPool", "GridUpsample", "Shifts", "Translations"]
