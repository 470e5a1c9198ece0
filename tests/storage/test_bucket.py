"""S3: what signed URLs allow, what a bucket is told, and what happens when it misbehaves. The gate checks signatures as S3 does."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from backend.errors import ConfigurationError, Unavailable
from backend.storage import keys
from backend.storage.bucket import Bucket
from backend.storage.expiry import UPLOAD_EXPIRES_S
from backend.storage.objects import Objects
from backend.storage.presign import Presigner
from backend.storage.setup import set_up_bucket
from tests.support.s3_gate import S3

PNG = b"\x89PNG\r\n\x1a\n" + b"x" * 100
KEY = keys.upload("job_1", 0)


@pytest.fixture
def presigner(bucket: Bucket) -> Iterator[Presigner]:
    with Presigner(bucket) as presigner:
        yield presigner


@pytest.fixture
async def browser() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=10) as client:
        yield client


@pytest.fixture
def in_bucket(bucket: Bucket) -> Objects:
    return Objects.in_bucket(bucket)


async def test_a_signed_upload_arrives_and_is_seen_by_one_listing(
    s3: S3, presigner: Presigner, browser: httpx.AsyncClient, in_bucket: Objects
) -> None:
    for index in (0, 7):
        url = presigner.put_url(keys.upload("job_1", index), "image/png")
        assert (await browser.put(url, content=PNG, headers={"Content-Type": "image/png"})).status_code == 200
    s3.gate.seen.clear()
    arrived = {keys.upload_index(info.key): info.size async for info in in_bucket.infos(keys.uploads_prefix("job_1"))}
    assert arrived == {0: len(PNG), 7: len(PNG)}
    assert len(s3.gate.seen) == 1


async def test_a_signed_upload_may_be_made_again(presigner: Presigner, browser: httpx.AsyncClient, in_bucket: Objects) -> None:
    url = presigner.put_url(KEY, "image/png")
    for content in (PNG, PNG, PNG + b"other"):
        assert (await browser.put(url, content=content, headers={"Content-Type": "image/png"})).status_code == 200
    assert await in_bucket.get(KEY) == PNG + b"other"


@pytest.mark.parametrize("media_type", ["text/html", "image/jpeg", None])
async def test_another_media_type_than_the_signed_one_is_refused(
    presigner: Presigner, browser: httpx.AsyncClient, in_bucket: Objects, media_type: str | None
) -> None:
    headers = {"Content-Type": media_type} if media_type else {}
    reply = await browser.put(presigner.put_url(KEY, "image/png"), content=PNG, headers=headers)
    assert reply.status_code == 403
    assert await in_bucket.find(KEY) is None


async def test_another_length_than_the_signed_one_is_refused(
    presigner: Presigner, browser: httpx.AsyncClient, in_bucket: Objects
) -> None:
    url = presigner.put_url(KEY, "image/png", size=len(PNG))
    headers = {"Content-Type": "image/png"}
    assert (await browser.put(url, content=PNG + b"more", headers=headers)).status_code == 403
    assert await in_bucket.find(KEY) is None
    assert (await browser.put(url, content=PNG, headers=headers)).status_code == 200


async def test_a_signed_url_is_good_for_its_key_its_method_and_its_time_only(
    s3: S3, presigner: Presigner, browser: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = presigner.put_url(KEY, "image/png")
    headers = {"Content-Type": "image/png"}
    assert (await browser.put(url.replace("pages/000", "pages/001"), content=PNG, headers=headers)).status_code == 403
    assert (await browser.get(url)).status_code == 403
    assert (await browser.delete(url)).status_code == 403
    assert (
        await browser.put(url.replace(f"Expires={UPLOAD_EXPIRES_S}", "Expires=9999"), content=PNG, headers=headers)
    ).status_code == 403
    later = datetime.now(UTC) + timedelta(seconds=UPLOAD_EXPIRES_S + 1)
    monkeypatch.setattr(s3.gate, "now", lambda: later)
    assert (await browser.put(url, content=PNG, headers=headers)).status_code == 403


async def test_a_signed_download_gives_the_object_its_type_and_ranges(
    presigner: Presigner, browser: httpx.AsyncClient, in_bucket: Objects
) -> None:
    key = keys.audio("job_1", "page-0/0123456789abcdef/segment-000.ts")
    await in_bucket.put(key, b"0123456789")
    reply = await browser.get(presigner.get_url(key))
    assert (reply.status_code, reply.content, reply.headers["content-type"]) == (200, b"0123456789", "video/mp2t")
    assert reply.headers["cache-control"] == "public, max-age=31536000, immutable"
    part = await browser.get(presigner.get_url(key), headers={"Range": "bytes=2-4"})
    assert (part.status_code, part.content) == (206, b"234")


async def test_without_a_signature_nothing_is_given(bucket: Bucket, browser: httpx.AsyncClient, in_bucket: Objects) -> None:
    await in_bucket.put(KEY, PNG)
    assert (await browser.get(f"{bucket.url}/{bucket.name}/{KEY}")).status_code == 403


def test_urls_for_aws_name_the_region_so_that_no_redirect_breaks_the_signature() -> None:
    with Presigner(Bucket("manga", region="eu-west-3", access_key_id="a", secret_access_key="b")) as presigner:
        url = presigner.put_url(KEY, "image/png")
    assert url.startswith(f"https://manga.s3.eu-west-3.amazonaws.com/{KEY}?")
    assert "content-type" in url
    assert url.isascii()


# --- set-up ---


def test_setting_up_makes_the_bucket_and_may_be_repeated(s3: S3, bucket: Bucket) -> None:
    fresh = dataclasses.replace(bucket, name=f"{bucket.name}-fresh")
    said = set_up_bucket(fresh, origins=["https://reader.example"], job_ttl_s=3600)
    assert "made" in said[0]
    said = set_up_bucket(fresh, origins=["https://reader.example"], job_ttl_s=3600)
    assert "exists" in said[0]
    client = s3.client()
    cors = client.get_bucket_cors(Bucket=fresh.name)["CORSRules"]
    assert [rule["AllowedOrigins"] for rule in cors] == [["https://reader.example"]]
    assert set(cors[0]["AllowedMethods"]) == {"GET", "HEAD", "PUT"}
    rules = {rule["ID"]: rule for rule in client.get_bucket_lifecycle_configuration(Bucket=fresh.name)["Rules"]}
    assert rules["windows"]["Filter"]["Prefix"] == "narration/"
    assert rules["windows"]["Expiration"]["Days"] == 2
    assert not any(rule.get("Filter", {}).get("Prefix", "").startswith("voices") for rule in rules.values())
    client.close()


def test_the_bucket_keeps_windows_longer_than_the_service(s3: S3, bucket: Bucket) -> None:
    set_up_bucket(bucket, origins=[], job_ttl_s=10 * 86400)
    client = s3.client()
    rules = {rule["ID"]: rule for rule in client.get_bucket_lifecycle_configuration(Bucket=bucket.name)["Rules"]}
    assert rules["windows"]["Expiration"]["Days"] == 11
    client.close()


def test_setting_up_with_refused_credentials_says_so(bucket: Bucket) -> None:
    with pytest.raises(ConfigurationError, match="refused"):
        set_up_bucket(dataclasses.replace(bucket, secret_access_key="wrong"), origins=[], job_ttl_s=3600)


def test_setting_up_a_bucket_that_is_nowhere_says_so(bucket: Bucket) -> None:
    with pytest.raises(ConfigurationError, match="cannot be reached"):
        set_up_bucket(dataclasses.replace(bucket, url="http://127.0.0.1:9"), origins=[], job_ttl_s=3600)


# --- trouble ---


async def test_refused_credentials_are_a_clear_error_at_once(bucket: Bucket) -> None:
    refused = Objects.in_bucket(dataclasses.replace(bucket, secret_access_key="wrong"))
    began = time.monotonic()
    for call in (refused.put(KEY, PNG), refused.get(KEY), refused.head(KEY), refused.check()):
        with pytest.raises(Unavailable, match="refuses our credentials"):
            await call
    assert time.monotonic() - began < 2


async def test_a_bucket_that_does_not_exist_is_a_clear_error(bucket: Bucket) -> None:
    nowhere = Objects.in_bucket(dataclasses.replace(bucket, name="no-such-bucket"))
    with pytest.raises(Unavailable, match="no such bucket"):
        await nowhere.put(KEY, PNG)
    with pytest.raises(Unavailable, match="no such bucket"):
        await nowhere.check()


def test_no_credentials_at_all_is_a_configuration_error(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    with pytest.raises(ConfigurationError, match="AWS_ACCESS_KEY_ID"):
        Objects.in_bucket(Bucket("manga"))


def test_the_secret_is_not_shown(bucket: Bucket) -> None:
    assert bucket.secret_access_key
    assert bucket.secret_access_key not in repr(bucket)


@pytest.mark.parametrize("status", ["500 Internal Server Error", "503 Slow Down"])
async def test_a_store_in_trouble_for_a_while_goes_unnoticed(s3: S3, in_bucket: Objects, status: str) -> None:
    with s3.in_trouble(status):
        writing = asyncio.create_task(in_bucket.put(KEY, PNG))
        await asyncio.sleep(1.0)
        assert not writing.done()
    await writing
    assert await in_bucket.get(KEY) == PNG


async def test_a_store_in_trouble_for_long_is_a_clear_error(s3: S3, bucket: Bucket) -> None:
    impatient = Objects.in_bucket(dataclasses.replace(bucket, retry_for_s=0.5))
    with s3.in_trouble():
        with pytest.raises(Unavailable, match="does not take writes"):
            await impatient.put(KEY, PNG)
        with pytest.raises(Unavailable, match="does not answer"):
            await impatient.get(KEY)
    await impatient.put(KEY, PNG)


async def test_a_slow_store_is_waited_for_and_a_dead_one_is_not(s3: S3, bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    patient = Objects.in_bucket(bucket)
    monkeypatch.setattr(s3.gate, "delay_s", 0.5)
    await patient.put(KEY, PNG)
    monkeypatch.setattr(s3.gate, "delay_s", 3.0)
    impatient = Objects.in_bucket(dataclasses.replace(bucket, request_timeout_s=0.5, retry_for_s=0.5))
    began = time.monotonic()
    with pytest.raises(Unavailable):
        await impatient.get(KEY)
    assert time.monotonic() - began < 3
