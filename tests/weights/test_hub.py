"""Downloads: resumable, from one commit, and never in place with a wrong checksum."""

from __future__ import annotations

import errno
import hashlib
import os

import pytest

from backend.errors import ConfigurationError, Unavailable
from backend.weights.hub import Hub
from tests.support.hub import local_hub

LARGE = os.urandom(3 << 16)
FILES = {"a/model": {"small.json": b"{}", "large.bin": LARGE, "empty.txt": b""}}


@pytest.fixture
def hub():
    with local_hub({name: dict(files) for name, files in FILES.items()}) as running:
        yield running


@pytest.fixture
def client(hub):
    with Hub(hub.url) as client:
        yield client


@pytest.mark.parametrize("name", ["small.json", "large.bin", "empty.txt"])
def test_a_file_arrives_whole_and_is_not_fetched_twice(hub, client, tmp_path, name):
    commit = client.resolve("a/model", "main")
    for _ in range(2):
        assert client.fetch(commit, name, tmp_path / "deep" / name).read_bytes() == FILES["a/model"][name]
    assert hub.served == [(name, 0)]


@pytest.mark.parametrize("ranges", [True, False])
def test_a_cut_download_goes_on_or_begins_again_as_the_server_can(hub, client, tmp_path, ranges):
    commit = client.resolve("a/model", "main")
    hub.cut_after, hub.ranges = 70_000, ranges
    assert client.fetch(commit, "large.bin", tmp_path / "large.bin").read_bytes() == LARGE
    assert [name for name, _ in hub.served] == ["large.bin"] * 2
    assert (hub.served[1][1] > 0) is ranges


def test_a_download_goes_on_in_the_next_run(hub, client, tmp_path):
    commit = client.resolve("a/model", "main")
    (tmp_path / f"large.bin.{hub.commit[:12]}.partial").write_bytes(LARGE[:100_000])
    seen = []
    client.fetch(commit, "large.bin", tmp_path / "large.bin", lambda *step: seen.append(step))
    assert hub.served == [("large.bin", 100_000)]
    assert seen[-1] == ("large.bin", len(LARGE), len(LARGE))
    assert [path.name for path in tmp_path.iterdir()] == ["large.bin"]


@pytest.mark.parametrize("name", ["small.json", "large.bin"])
def test_a_wrong_checksum_is_refused_and_leaves_nothing(hub, client, tmp_path, name):
    hub.lie.add(name)
    with pytest.raises(ConfigurationError, match="checksum"):
        client.fetch(client.resolve("a/model", "main"), name, tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_file_in_place_is_replaced(client, tmp_path):
    (tmp_path / "large.bin").write_bytes(LARGE[:-1] + b"?")
    client.fetch(client.resolve("a/model", "main"), "large.bin", tmp_path / "large.bin")
    assert (tmp_path / "large.bin").read_bytes() == LARGE


def test_what_is_not_there_is_said_in_a_sentence(hub, client, tmp_path):
    with pytest.raises(ConfigurationError, match="no other/model at main"):
        client.resolve("other/model", "main")
    with pytest.raises(ConfigurationError, match=r"has no file nothing\.bin"):
        client.fetch(client.resolve("a/model", "main"), "nothing.bin", tmp_path / "x")
    hub.gone.add("a/model")
    with pytest.raises(ConfigurationError, match="accept its terms"):
        client.resolve("a/model", "main")
    with Hub("http://127.0.0.1:9") as nobody, pytest.raises(Unavailable, match="does not answer"):
        nobody.resolve("a/model", "main")


@pytest.mark.parametrize("name", ["small.json", "large.bin"])
def test_a_checksum_we_know_counts_whatever_the_hub_states(hub, client, tmp_path, name):
    commit = client.resolve("a/model", "main")
    right = hashlib.sha256(FILES["a/model"][name]).hexdigest()
    assert client.fetch(commit, name, tmp_path / name, sha256=right).is_file()
    with pytest.raises(ConfigurationError, match=r"we know|checksum"):
        client.fetch(commit, name, tmp_path / "other", sha256="0" * 64)
    assert not (tmp_path / "other").exists()


def test_a_large_file_that_is_not_the_one_we_know_is_not_even_fetched(hub, client, tmp_path):
    with pytest.raises(ConfigurationError, match="not the file we know"):
        client.fetch(client.resolve("a/model", "main"), "large.bin", tmp_path / "large.bin", sha256="0" * 64)
    assert not hub.served


def test_a_commit_that_is_asked_for_is_the_one_that_comes(hub, client):
    assert client.resolve("a/model", hub.commit).commit == hub.commit
    with pytest.raises(ConfigurationError, match="answers with commit"):
        client.resolve("a/model", "d" * 40)


@pytest.mark.parametrize(
    "address", ["not an address", "hub.example", "ftp://hub.example", "http://", "http://hub:port", "file:///etc"]
)
def test_an_endpoint_that_is_no_address_is_said_before_anything_is_asked_of_it(address):
    with pytest.raises(ConfigurationError, match="is not the address of a model hub"):
        Hub(address)


def test_a_disk_that_is_full_is_a_sentence_and_what_arrived_is_kept(client, tmp_path):
    def full(name, got, size):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    commit = client.resolve("a/model", "main")
    with pytest.raises(ConfigurationError, match=r"large\.bin cannot be written: No space left on device\."):
        client.fetch(commit, "large.bin", tmp_path / "large.bin", full)
    (partial,) = tmp_path.iterdir()
    assert partial.name.endswith(".partial")
    assert client.fetch(commit, "large.bin", tmp_path / "large.bin").read_bytes() == LARGE
