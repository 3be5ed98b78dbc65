"""Objects in front of clutter: what `discover` claims of objects, and when it refuses.

    python examples/discover_clutter.py                     # the tuning half
    python examples/discover_clutter.py --half held-out     # other digits and photos
    python examples/discover_clutter.py --smoke             # one data set

Letters or handwritten digits, fixed, rotated by up to 30 degrees or by any angle, in front of
textures, crops of photos, or fragments of digits, up to as bright as the objects; and crops of
photos alone. Poses are those of the closed-form frame: nothing is fitted. Takes 2 to 5 CPU seconds
per data set. Objects are never scaled or sheared, though digits differ in slant and size, so only
claims about letters are counted for these.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from eqsets.generative import Claim, SymmetryModel
from eqsets.generative.analysis.examine import examine
from eqsets.generative.analysis.joint.background import withheld
from eqsets.generative.data.foreground import foreground
from experiments.advice import error_of_advice
from experiments.data.clutter import angles_up_to, background, digits, letters, on, photos

HALVES = {"tuning": 0, "held-out": 1}
SIZE = 28


class Case(NamedTuple):
    """A data set: objects rotated by up to ``reach`` degrees, on a background."""

    objects: str
    reach: float
    behind: str = "photo"
    strength: float = 0.0


LEVELS = (("texture", 0.4), ("texture", 0.7), ("photo", 0.5), ("fragments", 0.5), ("photo", 1.0))
CASES = (
    *[Case("letters", reach, *level) for level in LEVELS for reach in (0.0, 30.0, 180.0)],
    *[Case("digits", reach, *level) for level in LEVELS[::2] for reach in (0.0, 180.0)],
    Case("photos", 0.0),
    Case("photos", 180.0),
)


def images_of(case: Case, n: int, half: int) -> Tensor:
    """Return images ``(n, 1, SIZE, SIZE)`` in ``[-1, 1]``."""
    generator = torch.Generator().manual_seed(50 + half)
    angles = angles_up_to(case.reach, n, generator)
    if case.objects == "photos":
        turned = angles if case.reach else None
        return 2 * photos(n, SIZE, half, generator, turned) - 1
    if case.objects == "digits":
        x = digits(n, half, angles, generator)
    else:
        x = letters(n, SIZE, angles, generator)
    return on(x, background(case.behind, n, SIZE, half, generator), case.strength)


def judged(claim: Claim, case: Case) -> str:
    """Return ``"right"``, ``"false"`` or ``"declined"``; "" where the truth is not known."""
    rotation = {0.0: "absent", 30.0: "partial", 180.0: "full"}[case.reach]
    truth = rotation if claim.role == "rotation" else "absent"
    if case.objects == "digits" and claim.role != "rotation":
        return ""
    if claim.verdict == "unresolved":
        return "declined"
    return "right" if claim.verdict == truth else "false"


def main() -> None:
    """Examine each data set, and count right, false and declined verdicts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true")
    parser.add_argument("--half", choices=sorted(HALVES), default="tuning")
    parser.add_argument("--output", type=Path, help="a file for the results, of both halves")
    options = parser.parse_args()
    torch.set_num_threads(1)
    results: list[dict[str, Any]] = []
    for case in CASES[:1] if options.smoke else CASES:
        start, seed = time.process_time(), HALVES[options.half]
        images = images_of(case, 160 if options.smoke else 300, seed)
        model = SymmetryModel("affine", tuple(images.shape[1:]), backbone="analytic")
        seen = foreground(images, model.family.domain)
        held_out, known = seen.images[: len(images) // 4], seen.images[len(images) // 4 :]
        model.inference.frame.calibrate(known)
        claims = examine(model.inference, known, held_out, seed=seed, reflections=True).claims
        claims = withheld(claims) if seen.background == "mixed" else claims
        results.append(
            {
                **case._asdict(),
                "background": seen.background,
                "verdicts": {one.name: [judged(one, case), one.sentence] for one in claims},
                "seconds": round(time.process_time() - start, 1),
            }
        )
        print(json.dumps(results[-1], ensure_ascii=False), flush=True)
        if options.output:
            known = json.loads(options.output.read_text()) if options.output.exists() else {}
            content = {**known, options.half: results}
            options.output.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    counts = [word for one in results for word, _ in one["verdicts"].values()]
    summary = {word: counts.count(word) for word in ("right", "false", "declined")}
    print(f"verdicts: {summary}")
    advice = model.family.recommend(claims, tuple(images.shape[1:]))  # for the last data set
    print(f"equivariance error {error_of_advice(advice.code):.1e}")


if __name__ == "__main__":
    main()
