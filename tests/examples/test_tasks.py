"""Every experiment runs from its command line, and its outputs are right in kind."""

from __future__ import annotations

import math

import pytest
import torch

import deblur_bursts
import discover_galaxies
import discover_then_compose
import eqsets
import match_colours
import odd_one_out
import select_clouds
import select_frames
import select_meshes
import signals
import signals_published
from experiments import DESIGNS, build_model, count_parameters, read_results, run_command

EXPERIMENTS = {
    experiment.name: experiment
    for experiment in (
        discover_then_compose.experiment(
            eqsets.element_group("planar", rotations=4, grid=discover_then_compose.SIDE)
        ),
        deblur_bursts.EXPERIMENT,
        match_colours.EXPERIMENT,
        odd_one_out.EXPERIMENT,
        select_clouds.experiment(),
        select_frames.experiment(),
        select_meshes.experiment(),
        signals.EXPERIMENT,
        signals_published.EXPERIMENT,
    )
}


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.slow
@pytest.mark.parametrize("name", EXPERIMENTS)
def test_models_are_equal_in_size_and_fit_the_data(name):
    """What tests/test_examples.py trains for a few steps is compared fairly, and learns."""
    experiment = EXPERIMENTS[name]
    size = experiment.sizes["smoke"]
    data = experiment.data(size.settings[0], 0)
    sets, answer = data.draw(2, torch.Generator().manual_seed(0))
    counts = []
    for model_name, build in experiment.models.items():
        model = build()
        counts.append(count_parameters(model))
        output = model(sets)
        assert math.isfinite(experiment.score(output.detach(), answer)), model_name
        loss = experiment.loss(output, answer)
        loss.backward()
        frozen = [key for key, weight in model.named_parameters() if weight.grad is None]
        assert not frozen, f"{model_name} has no gradient for {frozen}"
    if name != "signals-published":  # whose point is that they differ
        assert max(counts) < 1.1 * min(counts), "within 5 % of the budget"


def test_some_models_run_by_themselves(tmp_path):
    arguments = ["--smoke", "--output", str(tmp_path), "--models"]
    assert run_command(signals.EXPERIMENT, [*arguments, "deep-sets"]) == 0
    _, rows = read_results(tmp_path / "signals-some-smoke.json")
    assert [row.model for row in rows] == ["deep-sets"]
    with pytest.raises(eqsets.OptionError, match="Did you mean 'deep-sets'"):
        run_command(signals.EXPERIMENT, [*arguments, "deep-set"])


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_sizes_are_as_documented(name):
    """Full size has three seeds, and every setting that is named exists."""
    experiment = EXPERIMENTS[name]
    assert len(experiment.sizes["full"].seeds) >= 3
    for size in experiment.sizes.values():
        assert size.tune_at in size.settings
        assert set(size.settings) <= set(experiment.sizes["full"].settings) | {"20"}


def test_signals_are_as_the_paper_says():
    sets, label = signals.make_sets(400, seed=0)
    assert sets.shape == (400, signals.COPIES, 1, signals.LENGTH)
    assert label.bincount().min() > 100
    copies = sets[:, :, 0]
    height = (copies - copies.mean(1, keepdim=True)).std((1, 2)) / signals.NOISE
    assert 0.9 < height.min() < 2
    assert 9 < height.max() < 11
    clean = (copies.mean(1) - copies.mean((1, 2)).unsqueeze(1)) / height.unsqueeze(1)
    energy = [float(clean[label == number].square().mean()) for number in range(3)]
    noise = signals.NOISE**2 / signals.COPIES
    assert energy == pytest.approx([0.5 + noise, 1 + noise, 1 / 3 + noise], abs=0.08)


@pytest.mark.parametrize("kind", select_frames.DAMAGES)
def test_damage_grows_with_strength(kind):
    generator = torch.Generator().manual_seed(0)
    frames = torch.rand(6, 1, 1, 24, 24, generator=generator).expand(-1, 8, -1, -1, -1)
    strength = torch.linspace(0, 1, 8).view(1, 8, 1, 1, 1).expand(6, -1, -1, -1, -1)
    damaged = select_frames.DAMAGES[kind](frames, strength, generator)
    harm = (damaged - frames).abs().mean((0, 2, 3, 4))
    assert harm[0] < 1e-3
    assert harm[7] > harm[3] > harm[0]


def test_answers_name_the_least_damaged_frame():
    images = torch.rand(4, 1, 30, 30)
    seen = []

    def record(frames, strength, generator):
        seen.append(strength)
        return frames

    generator = torch.Generator().manual_seed(0)
    sets, answer = select_frames.make_sets(images, record, 5, generator)
    assert sets.shape == (5, 8, 1, 24, 24)
    assert (seen[0].flatten(1).gather(1, answer[:, None]) == seen[0].flatten(1).amin(1, True)).all()


def test_tests_do_not_see_training_photos():
    names = [name for group in select_frames.PHOTOS.values() for name in group]
    assert len(names) == len(set(names))


def test_one_leaf_is_of_another_species():
    generator = torch.Generator().manual_seed(0)
    sets, odd = odd_one_out.make_sets("test", 5, 30, generator)
    assert sets.shape == (30, 5, 1, odd_one_out.POINTS)
    outlines, species = odd_one_out.leaves()["test"]
    spectrum = torch.fft.rfft(outlines).abs()  # does not see where the walk begins
    gap = torch.cdist(torch.fft.rfft(sets[:, :, 0]).abs().flatten(0, 1), spectrum)
    kinds = species[gap.argmin(1)].view(30, 5)
    for row, index in zip(kinds.tolist(), odd.tolist(), strict=True):
        other = row.pop(index)
        assert len(set(row)) == 1
        assert other not in row


def test_no_leaf_is_trained_and_tested_on():
    sizes = [len(outlines) for outlines, _ in odd_one_out.leaves().values()]
    assert sizes == [160, 40, 242]


@pytest.mark.parametrize("camera", match_colours.SHIFTS)
def test_frames_show_one_channel_of_the_truth(camera):
    generator = torch.Generator().manual_seed(0)
    shown, whole = match_colours.make_sets("test", match_colours.SHIFTS[camera], 3, generator)
    assert shown.shape == whole.shape == (3, 6, 3, 32, 32)
    filled = shown.abs().flatten(3).amax(3) > 0
    assert (filled.sum(2) == 1).all(), "one channel in each frame"
    assert (filled.sum(1) == 2).all(), "each channel in two frames"
    assert torch.equal(shown[filled], whole[filled])
    same = torch.equal(whole[:, :1].expand_as(whole), whole)
    assert same == (camera == "still")


@pytest.mark.parametrize("name", [name for name, design in DESIGNS.items() if design.symmetric])
def test_u_nets_commute_with_shifts_by_their_stride(name):
    model = match_colours.EXPERIMENT.models[name]().double()
    error = eqsets.equivariance_error(model, model.in_type, model.out_type, samples=1)
    assert error.max < 1e-12


def test_one_digit_is_odd_and_its_index_is_the_target():
    """Images are those of the split, in the pose they have once and for all."""
    images, labels = discover_then_compose.digits()["test"]
    known = {
        image.numpy().tobytes(): int(label) for image, label in zip(images, labels, strict=True)
    }
    rng = torch.Generator().manual_seed(0)
    sets, odd = discover_then_compose.make_sets("another", "test", 20, rng)
    for images, index in zip(sets, odd.tolist(), strict=True):
        kinds = [known[image.numpy().tobytes()] for image in images]
        assert kinds.count(kinds[index]) == 1
        assert len(set(kinds)) == 2
    sets, odd = discover_then_compose.make_sets("mirrored", "test", 20, rng)
    sets[torch.arange(20), odd] = sets[torch.arange(20), odd].flip(-1)
    for images in sets:
        kinds = {known[image.numpy().tobytes()] for image in images}
        assert len(kinds) == 1
        assert kinds <= set(discover_then_compose.CHIRAL)


def test_sources_are_single_and_can_be_aligned():
    detected = discover_galaxies.sources()
    x = detected.images
    assert x.shape[1:] == (3, 20, 20)
    assert len(x) == len(detected.regions) > 500
    assert x.amin() == -1
    assert torch.allclose(x.amax((1, 2, 3)), torch.ones(len(x)))
    assert detected.regions.unique().tolist() == list(range(16))
    border = torch.cat([x[..., 0, :], x[..., -1, :], x[..., :, 0], x[..., :, -1]], -1)
    assert float((border + 1).mean()) < 0.1 * float((x + 1).mean())
    before = discover_galaxies.long_axis(x).abs().mean()
    after = discover_galaxies.long_axis(discover_galaxies.aligned(x)).abs().mean()
    assert before > 0.7
    assert after < 0.02


@pytest.mark.parametrize(("reflections", "blind"), [(True, True), (False, False)])
def test_a_group_with_reflections_for_each_image_cannot_see_which_is_mirrored(reflections, blind):
    group = eqsets.element_group("planar", rotations=4, reflections=reflections, grid=20)
    plan = discover_then_compose.plan_of(group)
    model = build_model(plan, discover_then_compose.INDEPENDENT).eval()
    sets, odd = discover_then_compose.make_sets(
        "mirrored", "test", 3, torch.Generator().manual_seed(0)
    )
    reflected = sets.clone()
    reflected[torch.arange(3), odd] = sets[torch.arange(3), odd].flip(-1)
    with torch.no_grad():
        assert torch.allclose(model(sets), model(reflected), atol=1e-5) == blind
