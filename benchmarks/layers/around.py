"""Networks around others: averages over a group, and exported programs, against plain forwards."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor, nn

from benchmarks.report import Row
from benchmarks.timing import Effort, interleave
from eqsets import SetNetwork, element_group, export, symmetrize

__all__ = ["averages", "exports"]

ORDER, IMAGES, CHANNELS = 8, 4, 64
SETS, SIZE = 8, 16


def averages(effort: Effort) -> Iterator[Row]:
    """Yield the time of an average over C8 over that of eight forwards of the same network."""
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(3, CHANNELS, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(CHANNELS, 10),
    ).eval()
    x = torch.randn(IMAGES, 3, 32, 32)
    averaged = symmetrize(network, element_group("planar", rotations=ORDER))

    def eight(images: Tensor) -> None:
        for _ in range(ORDER):
            network(images)

    many = x.repeat(ORDER, 1, 1, 1)
    runs = {
        "average": _forward(averaged, x),
        "eight": _forward(eight, x),
        "at once": _forward(network, many),  # the caches of a CPU hold one batch of the eight
    }
    timings = interleave(runs, effort)
    setting = f"planar, C{ORDER}, three convolutions of {CHANNELS} channels, {IMAGES} images"
    for what, name in (("as many forwards", "eight"), ("one forward of as many", "at once")):
        ratio = timings.ratio("average", name)
        yield Row.of(f"average over a group / {what}", setting, ratio, ("<=", 1.1))


def exports(effort: Effort) -> Iterator[Row]:
    """Yield the time of exported programs and ONNX files over that of the network."""
    torch.manual_seed(0)
    network = SetNetwork("translations", [3, 32, 32, 32], readout=10, kernel_size=3).eval()
    x = torch.randn(SETS, SIZE, 3, 16, 16)
    mask = torch.arange(SIZE) < torch.arange(SIZE - SETS + 1, SIZE + 1)[:, None]
    with tempfile.TemporaryDirectory() as folder:
        for layout, inputs in (("dense", (x,)), ("padded", (x, mask))):
            runs: dict[str, Callable[[], object]] = {"eager": _forward(network, *inputs)}
            path = Path(folder) / f"{layout}.pt2"
            export(network, path, target="torch", layout=layout, element_sizes=(16, 16))
            runs["torch"] = _forward(torch.export.load(path).module(), *inputs)
            if find_spec("onnxruntime") and find_spec("onnxscript"):
                path = Path(folder) / f"{layout}.onnx"
                export(network, path, layout=layout, element_sizes=(16, 16))
                runs["onnx"] = _onnx(path, inputs)
            timings = interleave(runs, effort)
            for target in list(runs)[1:]:
                setting = f"{target}, {layout}, three layers, {SETS} sets of {SIZE}, 16 x 16"
                yield Row.of("exported / eager forward", setting, timings.ratio(target, "eager"))


def _forward(run: Callable[..., object], *inputs: Tensor) -> Callable[[], None]:
    def once() -> None:
        with torch.inference_mode():
            run(*inputs)

    return once


def _onnx(path: Path, inputs: tuple[Tensor, ...]) -> Callable[[], object]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    given = {one.name: x.numpy() for one, x in zip(session.get_inputs(), inputs, strict=True)}
    return lambda: session.run(None, given)
