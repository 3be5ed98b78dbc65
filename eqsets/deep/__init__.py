"""Deep set networks for any element symmetry: residual networks."""

from eqsets.deep.resnet import SetResNet

__all__ = ["SetResNet"]
