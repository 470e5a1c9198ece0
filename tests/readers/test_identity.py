"""Identity across pages: what the cast of a window can rely on."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.readers.identity import Bank, Identities, PageFigures, assign, name_figures, unit

PEOPLE = unit(np.random.default_rng(3).standard_normal((5, 48)))


def sighting(person: int, seed: int, noise: float = 0.03) -> np.ndarray:
    return PEOPLE[person] + np.random.default_rng(seed).standard_normal(48) * noise


def page(*people: int, seed: int = 0) -> PageFigures:
    clusters = [sorted(set(people)).index(person) for person in people]
    return PageFigures.of([sighting(person, seed * 100 + at) for at, person in enumerate(people)], clusters)


CHAPTER = [(0, 1), (1, 2, 2), (), (3,), (0, 2, 3), (4, 0)]


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("order", list(itertools.islice(itertools.permutations(range(6)), 0, 720, 97)))
def test_people_are_known_again_in_whatever_order_pages_come(order, together):
    identities, seen = Identities(), {}
    pages = [page(*CHAPTER[at], seed=at) for at in order]
    answers = identities.announce(pages) if together else [identities.announce([one])[0] for one in pages]
    for at, found in zip(order, answers, strict=True):
        for person, figure in zip(CHAPTER[at], found, strict=True):
            assert seen.setdefault(person, figure.identity) == figure.identity
    assert len(set(seen.values())) == len(seen) == len(identities) == 5


def test_two_clusters_of_a_page_are_never_one_person_however_alike():
    twins = PageFigures.of([sighting(0, 1, 0), sighting(0, 2, 0)], [0, 1])
    identities = Identities()
    for _ in range(3):
        (found,) = identities.announce([twins])
        assert found[0].identity != found[1].identity
    assert len(identities) == 2


def test_figures_of_a_cluster_stay_together_however_unlike():
    (found,) = Identities().announce([PageFigures.of([PEOPLE[0], PEOPLE[1]], [7, 7])])
    assert found[0] == found[1]


def test_a_later_page_never_changes_what_was_said():
    """The bridge looks like both of two people announced as different: it joins one, and they stay two."""
    identities = Identities(stranger=0.9)
    a, b = np.eye(4)[0], np.eye(4)[1]
    first = identities.announce([PageFigures.of([a], [0]), PageFigures.of([b], [0])])
    assert [page[0].identity for page in first] == [0, 1]
    (bridge,) = identities.announce([PageFigures.of([a + b], [0])])
    assert bridge[0].identity in (0, 1)
    again = identities.announce([PageFigures.of([a], [0]), PageFigures.of([b], [0])])
    assert [page[0].identity for page in again] == [0, 1]


def test_confidence_falls_with_likeness_to_somebody_else():
    identities = Identities()
    identities.announce([PageFigures.of([PEOPLE[0]], [0]), PageFigures.of([PEOPLE[1]], [0])])
    (clear,), (between,) = identities.announce(
        [PageFigures.of([PEOPLE[0]], [0]), PageFigures.of([0.6 * PEOPLE[0] + 0.4 * PEOPLE[1]], [0])]
    )
    assert clear.confidence > 0.9 > between.confidence > 0


def test_what_is_known_survives_json():
    identities = Identities()
    identities.announce([page(0, 1, 2)])
    back = Identities.from_json(json.loads(json.dumps(identities.to_json())))
    assert [one.identity for one in back.announce([page(2, 1, seed=5)])[0]] == [
        one.identity for one in identities.announce([page(2, 1, seed=5)])[0]
    ]


def test_memory_of_one_person_is_bounded():
    identities = Identities()
    for seed in range(40):
        identities.announce([page(0, seed=seed)])
    assert len(identities.to_json()["exemplars"][0]) == 12


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_pages_keep_the_rules(data):
    identities, numbers = Identities(), st.floats(-1, 1, allow_nan=False, width=32)
    for _ in range(data.draw(st.integers(1, 3))):
        batch = []
        for _ in range(data.draw(st.integers(0, 3))):
            clusters = data.draw(st.lists(st.integers(0, 3), max_size=5))
            batch.append(PageFigures.of([data.draw(st.lists(numbers, min_size=3, max_size=3)) for _ in clusters], clusters))
        before = len(identities)
        for figures, found in zip(batch, identities.announce(batch), strict=True):
            assert len(found) == len(figures.clusters)
            for (one, cluster), (two, other) in itertools.combinations(zip(found, figures.clusters, strict=True), 2):
                assert (one.identity == two.identity) == (cluster == other)
            assert all(0 <= one.confidence <= 1 for one in found)
        assert len(identities) >= before


class TestBank:
    BANK = Bank.of(["Ren", "Ren", "Mika"], [PEOPLE[0], PEOPLE[1], PEOPLE[2]])

    def test_the_nearest_of_several_exemplars_counts(self):
        named = name_figures(PageFigures.of([sighting(1, 1), sighting(2, 2), sighting(3, 3)], [0, 1, 2]), self.BANK)
        assert [name for name, _ in named] == ["Ren", "Mika", None]
        assert all(sure > 0.8 for _, sure in named)

    def test_two_clusters_of_a_page_do_not_share_a_name(self):
        named = name_figures(PageFigures.of([sighting(0, 1), sighting(1, 2, 0.08)], [0, 1]), self.BANK)
        assert [name for name, _ in named].count("Ren") == 1

    def test_nobody_and_no_bank(self):
        assert name_figures(PageFigures.of([], []), self.BANK) == []
        assert name_figures(page(0), Bank.of([], [])) == [(None, 1.0)]

    @settings(max_examples=80, deadline=None)
    @given(st.data())
    def test_the_assignment_is_the_optimum_of_all_choices(self, data):
        clusters = data.draw(st.lists(st.integers(0, 2), min_size=1, max_size=4))
        columns = data.draw(st.integers(1, 3))
        cost = np.array([[data.draw(st.floats(0, 2)) for _ in range(columns)] for _ in clusters])

        def price(choice):
            return sum(np.append(cost[row], 0.75)[choice[cluster]] for row, cluster in enumerate(clusters))

        labels = sorted(set(clusters))
        best = min(
            price(dict(zip(labels, choice, strict=True)))
            for choice in itertools.product(range(columns + 1), repeat=len(labels))
            if all(choice.count(column) <= 1 for column in range(columns))
        )
        chosen = assign(cost, clusters, 0.75)
        assert sum(np.append(row, 0.75)[column] for row, column in zip(cost, chosen, strict=True)) == pytest.approx(best)
