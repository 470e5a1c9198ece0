"""Who is it? Recognises the figures of one page among the members of a series, and learns from them. Pure functions.

Pages come one at a time and in any order, and what was decided for one page is not changed by the next. So every figure is compared
with what the whole series has shown of each member, not with one other page:

1. The page's figures are grouped anew, by likeness and by what the reader said (it is believed, but not against strong evidence).
2. A figure that plainly belongs to another member than the rest of its group leaves the group.
3. Groups that plainly are somebody of the character bank get that name (`naming.py`).
4. The other groups and members are matched at once (linear assignment, two groups to two members), with "somebody new" as a choice for
   each; then a group that was only crowded out may share a member with another one after all, at a price.
5. Looks are updated, and members that have turned out to be one are merged, the one with fewer lines into the other.

Names from the reader decide before looks do, and the bank's pictures before learned looks; two figures with different names are never one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from backend.series import naming
from backend.series.changes import merged, new_member, with_member
from backend.series.model import MOST_LOOKS, Look, Member, SeriesCast
from backend.series.similarity import Fit
from backend.series.vectors import Vector, pack, unpack

SAID_TOGETHER: Final = 3.0
"""Evidence for "one character" that two figures of a page are in one cluster of the reader; its negative when they are not."""
TWICE_ON_A_PAGE: Final = -3.5
"""Log odds that figures which the grouping keeps apart are one member all the same."""
SOMEBODY_NEW: Final = -2.3
"""What a group must have against every member before it is taken for somebody new, as log odds."""
CERTAIN: Final = 1e6
MERGE_EVIDENCE: Final = 4.0

Array = NDArray[np.float64]
Group = list[int]


@dataclass(frozen=True, slots=True)
class Seen:
    """One figure of a page."""

    vector: Vector | None
    """Unit length; None when the reader gives none: then only a name identifies the figure."""
    cluster: int
    name: str | None = None


def recognise(cast: SeriesCast, figures: Sequence[Seen]) -> tuple[SeriesCast, tuple[int | None, ...]]:
    """The cast after this page, and the member id of each figure (None: nothing can be said)."""
    found: list[int | None] = [None] * len(figures)
    lengths = Counter(len(figure.vector) for figure in figures if figure.vector is not None)
    if lengths:
        usual = lengths.most_common(1)[0][0]
        with_looks = [i for i, figure in enumerate(figures) if figure.vector is not None and len(figure.vector) == usual]
        vectors = np.array([figures[i].vector for i in with_looks], np.float64)
        seen = [figures[i] for i in with_looks]
        cast, groups = _grouped(cast, vectors, seen)
        cast, members = _matched(cast, vectors, seen, groups)
        for group, member_id in zip(groups, members, strict=True):
            cast = _learned(cast, member_id, vectors[group], sure=any(seen[i].name for i in group))
            for position in group:
                found[with_looks[position]] = member_id
    for i, figure in enumerate(figures):
        if found[i] is None and figure.name:
            cast, found[i] = _by_name(cast, figure.name)
    cast = _with_duplicates_merged(cast, [member for member in found if member is not None])
    return cast, tuple(cast.id_of(member) for member in found)


def _grouped(cast: SeriesCast, vectors: Array, figures: Sequence[Seen]) -> tuple[SeriesCast, list[Group]]:
    """Average linkage over evidence, until no two groups are more likely one than two. A page has tens of figures at most."""
    count = len(figures)
    clusters = np.array([figure.cluster for figure in figures])
    together = clusters[:, None] == clusters[None, :]
    likeness = vectors @ vectors.T
    upper = np.triu_indices(count, 1)
    pairs = [(i, j) for i in range(count) for j in range(i + 1, count)]
    cast = cast.model_copy(update={"similarity": cast.similarity.observed(likeness[upper], together[upper])})
    score = cast.similarity.fit.evidence(likeness, 1) + np.where(together, SAID_TOGETHER, -SAID_TOGETHER)
    for i, j in pairs:
        one, other = figures[i].name, figures[j].name
        if one and other:
            same = _same_name(one, other)
            score[i, j] = score[j, i] = CERTAIN if same else -CERTAIN
    groups: list[Group] = [[i] for i in range(count)]
    total = score.copy()  # total[x, y]: sum of scores between the members of groups x and y
    while len(groups) > 1:
        sizes = np.array([len(group) for group in groups])
        mean = total / np.outer(sizes, sizes)
        np.fill_diagonal(mean, -np.inf)
        x, y = sorted(divmod(int(mean.argmax()), len(groups)))
        if mean[x, y] <= 0:
            break
        groups[x] += groups.pop(y)
        total[x, :] += total[y, :]
        total[:, x] += total[:, y]
        total = np.delete(np.delete(total, y, axis=0), y, axis=1)
    return cast, groups


def _matched(cast: SeriesCast, vectors: Array, figures: Sequence[Seen], groups: list[Group]) -> tuple[SeriesCast, list[int]]:
    """A member for every group; `groups` may be broken up further (in place)."""
    members = [member for member in cast.members.values() if any(_fits(look, vectors) for look in member.looks)]
    evidence = _evidence(cast.similarity.fit, members, vectors)
    for group in list(groups):
        groups.extend([i] for i in _strays(evidence, group, figures))
    chosen: list[int | None] = [None] * len(groups)
    for g, group in enumerate(groups):
        if name := next((figures[i].name for i in group if figures[i].name), None):
            cast, chosen[g] = _named_group(cast, name, members, evidence[group].sum(axis=0))
    for g, banked in _of_the_bank(members, vectors, groups, chosen):
        chosen[g] = banked
    open_groups = [g for g in range(len(groups)) if chosen[g] is None]
    taken = {member_id for member_id in chosen if member_id is not None}
    score = np.array([evidence[groups[g]].sum(axis=0) for g in open_groups]).reshape(len(open_groups), len(members))
    score[:, [k for k, member in enumerate(members) if member.id in taken]] += TWICE_ON_A_PAGE
    for g, member_id in zip(open_groups, _assigned(score, [member.id for member in members]), strict=True):
        chosen[g] = member_id
        if member_id is None:
            cast, fresh = new_member(cast)
            chosen[g] = fresh.id
    return cast, [member_id for member_id in chosen if member_id is not None]


def _of_the_bank(
    members: Sequence[Member], vectors: Array, groups: list[Group], chosen: Sequence[int | None]
) -> list[tuple[int, int]]:
    """(group, member id) of the groups without a member whose figures the pictures of the bank name."""
    bank = {
        member.id: [unpack(look.mean) for look in member.looks if look.from_bank and _fits(look, vectors)]
        for member in members
        if member.id not in chosen
    }
    bank = {member_id: pictures for member_id, pictures in bank.items() if pictures}
    free = [g for g, member_id in enumerate(chosen) if member_id is None]
    found = naming.names(vectors, [groups[g] for g in free], list(bank.values()))
    return [(g, list(bank)[person]) for g, person in zip(free, found, strict=True) if person is not None]


def _evidence(fit: Fit, members: Sequence[Member], vectors: Array) -> Array:
    """Shape [figures, members]: of the look of the member that speaks most for it."""
    found = np.full((len(vectors), len(members)), -np.inf)
    for k, member in enumerate(members):
        for look in member.looks:
            if _fits(look, vectors):
                found[:, k] = np.maximum(found[:, k], fit.evidence(vectors @ unpack(look.mean), look.seen))
    return found


def _strays(evidence: Array, group: Group, figures: Sequence[Seen]) -> Group:
    """Takes the figures out of `group` that plainly are another member than the group as a whole, and returns them."""
    if len(group) < 2 or not evidence.shape[1]:
        return []
    whole = int(evidence[group].sum(axis=0).argmax())
    best = evidence[group].argmax(axis=1)
    strays = [
        i
        for i, k in zip(group, best, strict=True)
        if k != whole and evidence[i, k] > 0 and evidence[i, k] - evidence[i, whole] + TWICE_ON_A_PAGE > 0 and not figures[i].name
    ]
    if len(strays) == len(group):
        strays = strays[1:]
    group[:] = [i for i in group if i not in strays]
    return strays


def _assigned(score: Array, ids: Sequence[int]) -> list[int | None]:
    """A member id for each row of `score`, None for somebody new."""
    # Imported here: it takes longer than all else a server needs before it listens.
    from scipy.optimize import linear_sum_assignment  # type: ignore[import-untyped]  # noqa: PLC0415

    rows, columns = score.shape
    nobody = np.full((rows, rows), -CERTAIN)
    np.fill_diagonal(nobody, SOMEBODY_NEW)
    chosen: list[int | None] = [None] * rows
    for row, column in zip(*linear_sum_assignment(np.hstack([score, nobody]), maximize=True), strict=True):
        if column >= columns and columns and score[row].max() + TWICE_ON_A_PAGE > SOMEBODY_NEW:
            column = int(score[row].argmax())  # noqa: PLW2901 - crowded out, but still more likely that member than nobody
        if column < columns:
            chosen[row] = ids[column]
    return chosen


def _named_group(cast: SeriesCast, name: str, members: Sequence[Member], score: Array) -> tuple[SeriesCast, int]:
    """The member with this name; else the unnamed member the group looks like, who gets it; else somebody new."""
    if (known := cast.named(name)) is not None:
        return cast, known.id
    free = [k for k, member in enumerate(members) if cast.members[member.id].name is None]
    if free and score[free].max() > SOMEBODY_NEW:
        member = cast.members[members[max(free, key=lambda k: score[k])].id]
        return with_member(cast, member.model_copy(update={"name": name})), member.id
    return _by_name(cast, name)


def _by_name(cast: SeriesCast, name: str) -> tuple[SeriesCast, int]:
    known = cast.named(name)
    if known is None:
        cast, known = new_member(cast, name)
    return cast, known.id


def _learned(cast: SeriesCast, member_id: int, vectors: Array, *, sure: bool) -> SeriesCast:
    """The member's nearest look moved towards `vectors`; a further look only if a name makes sure that these are the member.

    Without a name an unlikely figure would become a look of its own, which then draws in others like it.
    """
    member = cast.members[member_id]
    mean = vectors.mean(axis=0)
    own = [k for k, look in enumerate(member.looks) if not look.from_bank and _fits(look, vectors)]
    fit = cast.similarity.fit
    scores = {k: float(fit.evidence(vectors @ unpack(member.looks[k].mean), member.looks[k].seen).sum()) for k in own}
    nearest = max(scores, key=scores.__getitem__, default=None)
    looks = list(member.looks)
    if nearest is None or (sure and scores[nearest] < 0 and len(own) < MOST_LOOKS):
        looks.append(Look(mean=pack(mean.astype(np.float32)), seen=len(vectors)))
    else:
        before, seen = unpack(looks[nearest].mean), looks[nearest].seen
        after = (before * seen + vectors.sum(axis=0)) / (seen + len(vectors))
        looks[nearest] = looks[nearest].model_copy(update={"mean": pack(after.astype(np.float32)), "seen": seen + len(vectors)})
    return with_member(cast, member.model_copy(update={"looks": tuple(looks)}))


def _with_duplicates_merged(cast: SeriesCast, changed: Iterable[int]) -> SeriesCast:
    """Members whose looks have turned out to be the same become one; only those that this page has changed can have."""
    for member_id in dict.fromkeys(changed):
        while (living := cast.id_of(member_id)) is not None and (other := _duplicate_of(cast, cast.members[living])) is not None:
            keep, drop = sorted((cast.members[living], other), key=lambda m: (m.name is None, -m.lines, -m.seen, m.id))
            cast = merged(cast, keep.id, drop.id, by_user=False)
    return cast


def _duplicate_of(cast: SeriesCast, member: Member) -> Member | None:
    scenes = [scene for scene in cast.scenes() if member.id in scene]
    best, best_score = None, MERGE_EVIDENCE
    for other in cast.members.values():
        pair = (min(member.id, other.id), max(member.id, other.id))
        if other.id == member.id or (member.name and other.name) or pair in cast.apart:
            continue
        score = _looks_evidence(cast.similarity.fit, member, other) + TWICE_ON_A_PAGE * sum(other.id in scene for scene in scenes)
        if score > best_score:
            best, best_score = other, score
    return best


def _looks_evidence(fit: Fit, one: Member, other: Member) -> float:
    """Of the learned looks that are most alike. Bank pictures recognise figures; they do not merge members."""
    found = -np.inf
    for a in one.looks:
        for b in other.looks:
            mean_a, mean_b = unpack(a.mean), unpack(b.mean)
            if not a.from_bank and not b.from_bank and mean_a.shape == mean_b.shape:
                found = max(found, float(fit.evidence(mean_a @ mean_b, a.seen, b.seen)))
    return float(found)


def _fits(look: Look, vectors: Array) -> bool:
    """Looks another reader has learned have another length and say nothing here."""
    return bool(len(unpack(look.mean)) == vectors.shape[1])


def _same_name(one: str, other: str) -> bool:
    return one.strip().casefold() == other.strip().casefold()
