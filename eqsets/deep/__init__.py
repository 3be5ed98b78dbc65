"""Deep set networks for any element symmetry: residual networks and U-Nets."""

from eqsets.deep.assembly import UNet
from eqsets.deep.resnet import SetResNet
from eqsets.deep.unet import SetUNet

__all__ = ["SetResNet", "SetUNet", "UNet"]
