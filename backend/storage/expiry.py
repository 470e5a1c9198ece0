"""How long signed URLs are good for, in seconds. Short, because whoever has one needs no other right."""

from __future__ import annotations

from typing import Final

UPLOAD_EXPIRES_S: Final = 900
"""Of an upload URL; part of the upload plan, so that clients know."""
DOWNLOAD_EXPIRES_S: Final = 3600
"""Of a download URL: a playlist's segments are asked for while it is heard."""
REDIRECT_KEPT_S: Final = 600
"""How long a client may keep a redirect to a download URL; what it keeps must be good for a while yet."""
