"""What the OpenAPI document shows of replies: one example for each model, by its name, and for each kind of text.

They stand here and not on the models, which they would bury. Bodies of requests carry theirs themselves: clients are written from those.
"""

from __future__ import annotations

from typing import Any, Final

_JOB: Final = "job_3vKQ1m0c9YxXJr2Tn5bWfA"
_HOST: Final = "https://narration.example.org"
_ROUTES: Final = f"{_HOST}/v1/narration/jobs/{_JOB}"
_AUDIO: Final = f"{_ROUTES}/audio/page-0/0123456789abcdef"
_VOICE: Final = {
    "voice_id": "sovits:aki",
    "name": "Aki",
    "engine": "sovits",
    "mode": "zero_shot",
    "status": "awaiting_upload",
    "languages": ["ja"],
    "sample_rate": 24_000,
    "preview": f"{_HOST}/v1/voices/sovits:aki/preview",
    "status_sse": f"{_HOST}/v1/voices/sovits:aki/events",
}
_BUILTIN: Final = {
    "voice_id": "sovits:mc-v1",
    "name": "mc-v1",
    "engine": "sovits",
    "mode": "builtin",
    "status": "ready",
    "description": "A boyish, spirited lead.",
    "languages": ["ja", "en"],
    "sample_rate": 24_000,
    "preview": f"{_HOST}/v1/voices/sovits:mc-v1/preview",
}
_CHARACTER: Final = {
    "id": 1,
    "label": "Hana",
    "name": "Hana",
    "voice": "sovits:girl-soft-v1",
    "mc": True,
    "lines": 42,
    "looks": [{"number": 0, "seen": 17, "from_bank": False}],
    "face": f"{_HOST}/v1/series/mangasource/cast/1/face",
}

OF_MODELS: Final[dict[str, Any]] = {
    "StartReply": {
        "job_id": _JOB,
        "upload": {
            "mode": "direct",
            "pages": [
                {
                    "index": 0,
                    "put_url": f"{_ROUTES}/pages/0",
                    "content_type": "image/png",
                    "content_types": ["image/png", "image/jpeg", "image/webp"],
                    "max_bytes": 20_000_000,
                }
            ],
        },
        "status_sse": f"{_ROUTES}/events",
        "audio_url_template": f"{_ROUTES}/audio/page-{{index}}/index.m3u8",
        "snapshot_url": f"{_ROUTES}/snapshot",
        "adPlan": {"kind": "placeholder", "duration_hint": 3},
    },
    "SnapshotReply": {
        "job_id": _JOB,
        "chapter_id": "mangasource:chapter-12",
        "window": {"start_index": 0, "size": 2},
        "cursor": "7",
        "done": False,
        "pages": [
            {
                "index": 0,
                "state": "ready",
                "revision": 1,
                "uploaded": True,
                "audio": f"{_AUDIO}/index.m3u8",
                "duration": 12.672,
                "cues": f"{_AUDIO}/cues.json",
                "captions": f"{_AUDIO}/captions.vtt",
            },
            {"index": 1, "state": "queued", "revision": 0, "uploaded": False},
        ],
        "progress": {"done": 1, "total": 2},
    },
    "UploadReply": {"index": 0, "state": "queued", "revision": 1, "sha256": "0" * 64},
    "PageActionReply": {"index": 0, "state": "queued", "revision": 2},
    "Forgotten": {"windows": 1, "cached": 5},
    "CastReply": {"series_id": "mangasource", "characters": [_CHARACTER], "pages": 20, "touched": [], "revoiced": []},
    "CharacterReply": _CHARACTER,
    "Lexicon": {"entries": [{"surface": "小鳥遊", "reading": "たかなし", "lang": "ja"}]},
    "VoiceReply": _VOICE,
    "VoiceList": {"voices": [_BUILTIN, _VOICE]},
    "RegisterReply": {
        **_VOICE,
        "upload": {
            "mode": "direct",
            "parts": [
                {
                    "name": "reference",
                    "put_url": f"{_HOST}/v1/voices/sovits:aki/upload/reference",
                    "content_types": ["audio/wav", "audio/flac", "audio/mpeg", "audio/mp4"],
                    "max_bytes": 20_000_000,
                    "required": True,
                }
            ],
        },
    },
    "Health": {
        "status": "ok",
        "version": "0.1.0",
        "reader": {"name": "embedded", "state": "ready"},
        "synthesizer": {"name": "embedded", "state": "ready"},
        "stores": {"jobs": "memory", "objects": "folder"},
    },
}

JOB_EVENTS: Final = (
    'id: 4\nevent: page_status\ndata: {"index":0,"revision":1,"state":"tts"}\n\n'
    f'id: 5\nevent: page_ready\ndata: {{"index":0,"revision":1,"audio":"{_AUDIO}/index.m3u8","duration":12.672,'
    f'"cues":"{_AUDIO}/cues.json","captions":"{_AUDIO}/captions.vtt","failed_lines":[]}}\n\n'
)
VOICE_EVENTS: Final = 'id: 2\nevent: voice_status\ndata: {"voice_id":"sovits:aki","status":"ready"}\n\n'
"""Streams, as they are sent."""
OF_FILES: Final[dict[str, Any]] = {
    "application/vnd.apple.mpegurl": (
        "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-PLAYLIST-TYPE:VOD\n"
        "#EXTINF:1.322667,\nsegment-000.ts\n#EXT-X-ENDLIST\n"
    ),
    "text/vtt": "WEBVTT\n\n0\n00:00:00.150 --> 00:00:02.970\n<v Hana>Good morning.</v>\n",
    "application/json": {
        "width": 1100,
        "height": 1560,
        "duration": 13.355,
        "cues": [
            {
                "number": 0,
                "start": 0.15,
                "end": 2.97,
                "text": "GOOD MORNING.",
                "spoken": "Good morning.",
                "lang": "en",
                "speaker": "Hana",
                "voice": "sovits:girl-soft-v1",
                "kind": "speech",
                "box": [93.0, 97.0, 466.0, 153.0],
                "box_percent": [8.455, 6.218, 42.364, 9.808],
            }
        ],
    },
}
"""Files of a page's sound, by media type; what is no text is not shown."""
