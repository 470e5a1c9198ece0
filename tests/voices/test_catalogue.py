"""Which voice ids exist, and what a voice pack means."""

from __future__ import annotations

import pytest

from backend.errors import UnknownVoice
from tests.support.catalogue import PITCHES_HZ, small_catalogue


async def test_an_empty_pack_has_the_two_default_voices() -> None:
    pack = await small_catalogue().resolve({})
    assert (pack.narrator.id, pack.mc.id) == ("sovits:narrator-v1", "sovits:mc-v1")


async def test_every_builtin_voice_may_be_any_role() -> None:
    for voice_id in PITCHES_HZ:
        pack = await small_catalogue().resolve({"Narrator": voice_id, "MC": voice_id, "Unknown": voice_id, "Others": voice_id})
        assert {pack.narrator.id, pack.mc.id, pack.unknown.id} == {voice_id}
        assert [listed.id for listed in pack.pool] == [voice_id]


async def test_the_neutral_voice_is_neither_the_narrators_nor_the_mcs() -> None:
    for narrator in PITCHES_HZ:
        for mc in PITCHES_HZ:
            pack = await small_catalogue().resolve({"Narrator": narrator, "MC": mc})
            assert pack.unknown.id not in (narrator, mc)


async def test_the_neutral_voice_is_no_part_of_others_that_the_narrator_or_the_mc_has() -> None:
    pack = await small_catalogue().resolve({"Others": ["sovits:narrator-v1", "sovits:mc-v1"]})
    assert pack.unknown.id not in ("sovits:narrator-v1", "sovits:mc-v1")


async def test_others_may_be_one_voice_or_several() -> None:
    pack = await small_catalogue().resolve({"Others": ["sovits:man-v1", "sovits:girl-v1", "sovits:man-v1"]})
    assert [listed.id for listed in pack.pool] == ["sovits:man-v1", "sovits:girl-v1"]


async def test_names_are_found_without_regard_to_case() -> None:
    pack = await small_catalogue().resolve({"Kenji": "sovits:man-v1", "narrator": "sovits:elder-v1"})
    assert pack.named["kenji"].id == "sovits:man-v1"
    assert pack.narrator.id == "sovits:elder-v1"
    assert "sovits:man-v1" not in [listed.id for listed in pack.pool]


@pytest.mark.parametrize("asked", ["sovits:narator-v1", "narrator-v1", "Narrator", "kokoro:narrator-v1"])
async def test_an_unknown_voice_is_refused_with_near_names_and_without_an_echo(asked: str) -> None:
    with pytest.raises(UnknownVoice) as caught:
        await small_catalogue().resolve({"Narrator": asked})
    assert "sovits:narrator-v1" in str(caught.value)
    assert caught.value.status == 422


@pytest.mark.parametrize("asked", ["x9", "声", "amazon/polly.Joanna.neural"])
async def test_a_voice_like_none_there_is_is_refused_with_some_that_are(asked: str) -> None:
    with pytest.raises(UnknownVoice) as caught:
        await small_catalogue().resolve({"Narrator": asked})
    assert sum(voice_id in str(caught.value) for voice_id in PITCHES_HZ) >= 3
    assert asked not in str(caught.value)


@pytest.mark.parametrize("asked", ["", "x" * 100_000, "\ud800", "../../etc/passwd"])
async def test_hostile_names_are_only_unknown(asked: str) -> None:
    with pytest.raises(UnknownVoice) as caught:
        await small_catalogue().resolve({"Narrator": asked})
    assert len(str(caught.value)) < 400


async def test_what_is_gone_since_a_pack_was_accepted_leaves_its_role_to_the_default() -> None:
    pack = await small_catalogue().resolve({"Narrator": "sovits:gone", "Others": ["sovits:gone", "sovits:man-v1"]}, accepted=True)
    assert pack.narrator.id == "sovits:narrator-v1"
    assert [listed.id for listed in pack.pool] == ["sovits:man-v1"]
