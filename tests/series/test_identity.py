"""Who a figure is, with noise, wrong page clusters and strange input."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.series.identity import Seen, recognise
from backend.series.model import SeriesCast
from backend.series.similarity import Similarity
from backend.series.vectors import pack, unit, unpack


def faces(count: int, dimensions: int = 64, seed: int = 0) -> np.ndarray:
    found = np.random.default_rng(seed).normal(size=(count, dimensions))
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def figure(face: np.ndarray, cluster: int, rng: np.random.Generator, noise: float, name: str | None = None) -> Seen:
    vector = face + noise * rng.normal(size=face.shape) / np.sqrt(len(face))
    return Seen(unit(tuple(vector.tolist())), cluster, name)


def test_the_same_face_is_the_same_member_and_another_is_not() -> None:
    rng, known = np.random.default_rng(1), faces(3)
    cast, first = recognise(SeriesCast(), [figure(face, k, rng, 0.4) for k, face in enumerate(known)])
    assert len(set(first)) == 3
    for order in ([2, 0], [1], [1, 2, 0]):
        cast, found = recognise(cast, [figure(known[k], n, rng, 0.4) for n, k in enumerate(order)])
        assert found == tuple(first[k] for k in order)
    assert len(cast.members) == 3


@pytest.mark.parametrize("wrong", ["all in one cluster", "each its own cluster"])
def test_page_clusters_are_believed_but_not_against_strong_evidence(wrong: str) -> None:
    rng, known = np.random.default_rng(2), faces(4)
    cast = SeriesCast()
    for _ in range(12):
        cast, ids = recognise(cast, [figure(known[k], k, rng, 0.5) for k in (0, 0, 1, 1, 2, 3)])
    clusters = [0] * 4 if wrong == "all in one cluster" else list(range(4))
    _, found = recognise(cast, [figure(known[k], cluster, rng, 0.3) for k, cluster in zip((0, 0, 1, 1), clusters, strict=True)])
    assert found == (ids[0], ids[0], ids[2], ids[2])


def test_members_that_turn_out_to_be_one_are_merged_and_the_old_id_still_means_them() -> None:
    rng, known = np.random.default_rng(3), faces(3)
    cast, _ = recognise(SeriesCast(), [figure(known[0], 0, rng, 0.2, "Aya"), figure(known[1], 1, rng, 0.2)])
    before = cast.members[1].model_copy(update={"id": 3, "name": None, "lines": 0})  # the same face once more, as somebody new
    cast = cast.model_copy(update={"members": {**cast.members, 3: before}, "next_id": 4})
    for _ in range(4):
        cast, found = recognise(cast, [figure(known[0], 0, rng, 0.2), figure(known[1], 1, rng, 0.2)])
    assert found == (1, 2)
    assert cast.id_of(3) == 1
    assert cast.members[1].name == "Aya"


def test_two_names_are_never_one_character() -> None:
    rng, known = np.random.default_rng(4), faces(1)
    cast = SeriesCast()
    for name in ("Aya", "Mio", "Aya", "Mio", "aya"):
        cast, _ = recognise(cast, [figure(known[0], 0, rng, 0.01, name)])
    assert sorted(member.label for member in cast.members.values()) == ["Aya", "Mio"]


def test_a_name_without_a_face_is_enough() -> None:
    cast, found = recognise(SeriesCast(), [Seen(None, 0, "Aya"), Seen(None, 1)])
    cast, again = recognise(cast, [Seen(None, 0, "AYA")])
    assert found == (1, None)
    assert again == (1,)


def test_faces_of_another_reader_begin_anew_without_harm() -> None:
    rng = np.random.default_rng(5)
    cast, first = recognise(SeriesCast(), [figure(faces(1)[0], 0, rng, 0.1)])
    cast, other = recognise(cast, [figure(faces(1, 128)[0], 0, rng, 0.1)])
    _, again = recognise(cast, [figure(faces(1)[0], 0, rng, 0.1)])
    assert again == first != other


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.lists(
            st.tuples(
                st.none() | st.lists(st.floats(-2, 2, width=32), min_size=1, max_size=3),
                st.integers(0, 2),
                st.sampled_from([None, "A", "B"]),
            ),
            max_size=5,
        ),
        max_size=5,
    )
)
def test_any_page_is_recognised_and_every_id_lives(pages: list[list[tuple[list[float] | None, int, str | None]]]) -> None:
    cast = SeriesCast()
    for page in pages:
        cast, found = recognise(cast, [Seen(unit(vector), cluster, name) for vector, cluster, name in page])
        assert len(found) == len(page)
        assert all(member is None or member in cast.members for member in found)
        for (_, _, name), member in zip(page, found, strict=True):
            if name is not None:
                assert member is not None
                assert cast.members[member].name == name
    assert SeriesCast.model_validate_json(cast.model_dump_json()) == cast


@pytest.mark.parametrize(("same", "different"), [(0.9, 0.7), (0.5, 0.0), (0.25, 0.0), (0.8, 0.2)])
def test_the_level_of_likeness_is_learned_even_when_one_pair_in_ten_is_named_wrong(same: float, different: float) -> None:
    rng = np.random.default_rng(6)
    truth = rng.random(400) < 0.3
    likeness = np.where(truth, same, different) + 0.04 * rng.normal(size=400)
    fit = Similarity().observed(likeness, truth ^ (rng.random(400) < 0.1)).fit
    assert fit.means == pytest.approx((same, different), abs=0.05)
    assert float(fit.evidence(same, 1)) > 2
    assert float(fit.evidence(different, 1)) < -2


@pytest.mark.parametrize("level", [(0.95, 0.75), (0.75, 0.35), (0.4, 0.1), (0.17, 0.0)])
def test_one_page_is_enough_to_know_the_level_of_a_reader_nobody_knows(level: tuple[float, float]) -> None:
    """Otherwise the first pages of a series are cast by a level that is not this reader's, and what was heard is kept."""
    rng, together = np.random.default_rng(9), np.arange(15) < 4
    fit = Similarity().observed(np.where(together, *level) + 0.03 * rng.normal(size=15), together).fit
    assert float(fit.evidence(level[0], 1)) > 1
    assert float(fit.evidence(level[1], 1)) < -2


def test_strangers_drawn_in_one_manner_do_not_become_one_person_where_the_reader_keeps_them_apart() -> None:
    rng = np.random.default_rng(10)
    together = np.arange(400) < 100
    alike = np.where(rng.random(400) < 1 / 6, 0.23, 0.0)  # drawn in the same manner
    fit = Similarity().observed(np.where(together, 0.55, 0.19) + alike + 0.02 * rng.normal(size=400), together).fit
    assert float(fit.evidence(0.42, 1)) < float(fit.evidence(0.55, 1)) - 2
    assert fit.variances[1] > 0.05**2


def test_vectors_survive_storage() -> None:
    vector = faces(1, 768)[0].astype(np.float32)
    assert len(pack(vector)) == 2048
    assert float(unpack(pack(vector)) @ vector) == pytest.approx(1, abs=1e-3)


CHAPTER = [(0, 1), (1, 2, 2), (), (3,), (0, 2, 3), (4, 0)]
"""Who is on each page."""


@pytest.mark.parametrize("order", list(itertools.islice(itertools.permutations(range(6)), 0, 720, 97)))
def test_without_a_bank_people_are_known_again_in_whatever_order_pages_come(order: tuple[int, ...]) -> None:
    rng, known, cast = np.random.default_rng(7), faces(5), SeriesCast()
    members: dict[int, int | None] = {}
    for page in order:
        cast, found = recognise(cast, [figure(known[k], k, rng, 0.3) for k in CHAPTER[page]])
        for person, member in zip(CHAPTER[page], found, strict=True):
            assert members.setdefault(person, member) == member
    assert len(set(members.values())) == len(cast.members) == 5


def test_a_page_that_was_recognised_keeps_its_members_however_the_next_pages_look() -> None:
    """Pages arrive one at a time; what was announced of one is never taken back, not even by a figure half way between two people."""
    rng, known = np.random.default_rng(8), faces(2)
    cast, first = recognise(SeriesCast(), [figure(known[0], 0, rng, 0.1), figure(known[1], 1, rng, 0.1)])
    for seed in range(4):
        cast, _ = recognise(cast, [figure(known[0] + known[1], 0, np.random.default_rng(seed), 0.1)])
        assert [cast.id_of(member) for member in first] == list(first)
    _, again = recognise(cast, [figure(known[0], 0, rng, 0.1), figure(known[1], 1, rng, 0.1)])
    assert again == first
