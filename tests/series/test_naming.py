"""Names from a character bank: the published rule, and that the program names by it."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.series import naming
from backend.series.changes import with_bank_face
from backend.series.identity import Seen, recognise
from backend.series.model import SeriesCast
from backend.series.vectors import unit

PEOPLE = np.random.default_rng(3).standard_normal((6, 48))


def sighting(person: int, seed: int, noise: float = 0.2) -> np.ndarray:
    vector = PEOPLE[person] + np.random.default_rng(seed).standard_normal(48) * noise
    return vector / np.linalg.norm(vector)


def between(a: np.ndarray, b: np.ndarray, share: float) -> np.ndarray:
    vector = share * a + (1 - share) * b
    return vector / np.linalg.norm(vector)


REN, MIKA, OTHER = (sighting(person, person, 0) for person in range(3))


class TestRule:
    def test_the_nearest_of_several_pictures_counts(self) -> None:
        young, old = sighting(4, 4, 0), sighting(5, 5, 0)
        figures = [sighting(5, 9), sighting(1, 9), sighting(2, 9)]
        assert naming.names(figures, [[0], [1], [2]], [[young, old], [MIKA]]) == [0, 1, None]

    def test_beyond_three_quarters_a_figure_is_nobody(self) -> None:
        def at(distance: float) -> np.ndarray:
            aside = OTHER - (OTHER @ REN) * REN
            likeness = 1 - distance**2 / 2
            return likeness * REN + np.sqrt(1 - likeness**2) * aside / np.linalg.norm(aside)

        assert naming.names([at(0.70)], [[0]], [[REN]]) == [0]
        assert naming.names([at(0.76)], [[0]], [[REN]]) == [None]

    def test_two_people_of_a_page_never_share_a_name_and_the_nearer_has_it(self) -> None:
        assert naming.names([sighting(0, 1, 0.5), REN], [[0], [1]], [[REN]]) == [None, 0]

    def test_figures_that_are_one_person_get_one_name(self) -> None:
        assert naming.names([REN, between(REN, OTHER, 0.6), MIKA], [[0, 1], [2]], [[MIKA], [REN]]) == [1, 0]

    def test_a_name_two_people_have_equal_claims_to_is_not_given(self) -> None:
        assert naming.names([between(REN, MIKA, 0.5)], [[0]], [[REN], [MIKA]], stranger=2) == [None]

    def test_nobody_and_no_bank(self) -> None:
        assert naming.names(np.zeros((0, 48)), [], [[REN]]) == []
        assert naming.names([REN], [[0]], []) == [None]

    @settings(max_examples=80, deadline=None)
    @given(st.data())
    def test_the_assignment_is_the_optimum_of_all_choices(self, data: st.DataObject) -> None:
        groups = data.draw(st.lists(st.integers(0, 2), min_size=1, max_size=4))
        columns = data.draw(st.integers(1, 3))
        cost = np.array([[data.draw(st.floats(0, 2)) for _ in range(columns)] for _ in groups])

        def price(choice: dict[int, int]) -> float:
            return sum(float(np.append(cost[row], 0.75)[choice[group]]) for row, group in enumerate(groups))

        labels = sorted(set(groups))
        best = min(
            price(dict(zip(labels, choice, strict=True)))
            for choice in itertools.product(range(columns + 1), repeat=len(labels))
            if all(choice.count(column) <= 1 for column in range(columns))
        )
        chosen = naming.assign(cost, groups, 0.75)
        assert all(len({chosen[at] for at, group in enumerate(groups) if group == label}) == 1 for label in labels)
        assert sum(float(np.append(row, 0.75)[column]) for row, column in zip(cost, chosen, strict=True)) == pytest.approx(best)


def seen(*vectors: np.ndarray) -> list[Seen]:
    return [Seen(unit(tuple(vector.tolist())), number) for number, vector in enumerate(vectors)]


def bank(**pictures: list[np.ndarray]) -> SeriesCast:
    cast = SeriesCast()
    for name, faces in pictures.items():
        for face in faces:
            vector = unit(tuple(face.tolist()))
            assert vector is not None
            cast, _ = with_bank_face(cast, name, vector)
    return cast


def labels(cast: SeriesCast, ids: tuple[int | None, ...]) -> list[str]:
    return [cast.members[member_id].label for member_id in ids if member_id is not None]


class TestProgram:
    def test_figures_of_a_page_get_the_names_of_the_series_bank(self) -> None:
        cast, ids = recognise(bank(Ren=[REN], Mika=[OTHER, MIKA]), seen(sighting(1, 7), sighting(0, 7), sighting(3, 7)))
        assert labels(cast, ids) == ["Mika", "Ren", "character-3"]

    def test_the_bank_goes_before_what_was_learned(self) -> None:
        """Mika was long taken for Ren, so Ren's learned look is hers; shown her picture, the program takes her for Mika."""
        cast = bank(Ren=[REN])
        for seed in range(6):
            cast, _ = recognise(cast, [Seen(unit(tuple(sighting(1, seed).tolist())), 0, "Ren")])
        cast, ids = recognise(cast, seen(sighting(1, 8)))
        assert labels(cast, ids) == ["Ren"]
        vector = unit(tuple(MIKA.tolist()))
        assert vector is not None
        cast, _ = with_bank_face(cast, "Mika", vector)
        cast, ids = recognise(cast, seen(sighting(1, 9)))
        assert labels(cast, ids) == ["Mika"]

    def test_a_figure_unlike_all_pictures_is_somebody_new(self) -> None:
        cast, ids = recognise(bank(Ren=[REN], Mika=[MIKA]), seen(OTHER))
        assert labels(cast, ids) == ["character-3"]

    def test_a_reader_s_own_name_goes_before_the_bank(self) -> None:
        named = Seen(unit(tuple(REN.tolist())), 0, "Aya")
        cast, ids = recognise(bank(Ren=[REN]), [named])
        assert labels(cast, ids) == ["Aya"]
