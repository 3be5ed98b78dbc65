"""Signals: what moves a set keeps its class, and how much can be known at all."""

from __future__ import annotations

import torch

import signals
from experiments import accuracy


def periodic(frequency):
    """Waves that close: (3, 1, 1, LENGTH)."""
    turns = frequency * (torch.arange(signals.LENGTH) + 0.5) / signals.LENGTH
    return signals.waves(turns)[:, None, None]


def rises(wave):
    return float((wave.diff(dim=-1) > 0).double().mean())


def test_moved_signals_keep_their_class():
    generator = torch.Generator().manual_seed(0)
    sine, square, sawtooth = periodic(4)
    for _ in range(8):
        moved = signals.moved(torch.stack([sine, square, sawtooth]), generator)
        spectrum = torch.fft.rfft(moved).abs()
        assert torch.allclose(spectrum, torch.fft.rfft(periodic(4)).abs(), atol=1e-3)
        assert torch.equal(moved[1].abs(), torch.ones_like(moved[1]))
        assert rises(moved[2]) > 0.9
    assert rises(sawtooth.flip(-1)) < 0.1, "the control: mirrored in time alone, it falls"


def test_copies_move_together():
    generator = torch.Generator().manual_seed(0)
    copies = torch.randn(6, 1, 1, signals.LENGTH).expand(-1, 4, -1, -1)
    moved = signals.moved(copies, generator)
    assert torch.equal(moved, moved[:, :1].expand_as(moved))
    assert not torch.equal(moved, copies)


def test_nearly_all_can_be_known_from_all_copies():
    sets, label = signals.make_sets(300, seed=3)
    known = accuracy(signals.best_answer(signals.standardise(sets)), label)
    assert known >= 99
    few = accuracy(signals.best_answer(signals.standardise(sets[:, :3])), label)
    assert 40 < few < known - 5, "the control: not from three"


def test_height_and_offset_say_nothing():
    sets, _ = signals.make_sets(40, seed=4)
    best = signals.best_answer(sets, step=0.1)
    assert torch.allclose(best, signals.best_answer(7 * sets + 3, step=0.1), rtol=1e-3)
    assert not torch.allclose(best, signals.best_answer(sets.roll(1, 0), step=0.1), rtol=1e-3)
