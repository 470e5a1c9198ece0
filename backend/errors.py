"""Every error this program raises on purpose, as one tree.

    TanoshiError
    ├── InvalidRequest            422  invalid_request      the request does not say what it should
    │   └── BadPathParameter      404  not_found            a path segment that cannot name anything
    ├── NotFound                  404  not_found
    │   ├── JobNotFound           404  job_not_found        never existed, expired, or deleted
    │   ├── PageNotInWindow       404  page_not_in_window
    │   └── AudioNotReady         404  audio_not_ready      the page exists, its sound does not yet
    ├── BadImage                  422  bad_image            the bytes are not an image we can read
    │   ├── EmptyUpload           400  empty_upload
    │   ├── UnsupportedImage      415  unsupported_image    an image, but not PNG, JPEG or WebP, or not the announced one
    │   ├── ImageTooManyPixels    413  image_too_many_pixels  a decompression bomb
    │   └── UploadTooLarge        413  upload_too_large     more bytes than max_bytes
    ├── UnknownVoice              422  unknown_voice
    ├── Forbidden                 403  forbidden
    │   └── Unauthorized          401  unauthorized
    ├── TooManyRequests           429  too_many_requests
    │   └── QuotaExceeded         429  quota_exceeded
    ├── Conflict                  409  conflict
    ├── Unavailable               503  unavailable          a store or an engine we depend on does not answer
    ├── EngineError               500  engine_error         never reaches a client as HTTP: it becomes a page's reason
    │   ├── ReadingFailed              reading_failed
    │   └── SpeechFailed               speech_failed
    ├── BadBook                   422  bad_book             a folder, archive or PDF given to `tanoshi narrate`
    └── ConfigurationError        500  configuration        the settings cannot work together; the program refuses to start

Each class knows its HTTP status and a stable `code`; `backend/api/problems.py` is the one place that turns them into
problem+json (RFC 9457). `str(error)` is a sentence meant for a person.
"""

from __future__ import annotations

from typing import ClassVar


class TanoshiError(Exception):
    """Root of the tree. `detail` is one sentence for people; `code` is stable and meant for programs."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal"
    title: ClassVar[str] = "Something went wrong here"

    def __init__(self, detail: str | None = None) -> None:
        self.detail = detail or self.title
        super().__init__(self.detail)

    def headers(self) -> dict[str, str]:
        """Extra reply headers this error carries (Retry-After and the like)."""
        return {}


def title_of(code: str) -> str | None:
    """What people are told of an error whose `code` stands in a log; None for a code that is none of an error's."""
    kinds = [TanoshiError]
    for kind in kinds:  # grows while it is walked
        if kind.code == code and kind is not TanoshiError:
            return kind.title
        kinds += kind.__subclasses__()
    return None


class InvalidRequest(TanoshiError):
    """The request does not have the form the API documents.

    Args:
        detail: one sentence.
        errors: (JSON pointer, what is wrong) pairs; what the client sent is never echoed.
    """

    status = 422
    code = "invalid_request"
    title = "The request is not valid"

    def __init__(self, detail: str | None = None, errors: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(detail)
        self.errors = errors


class NotFound(TanoshiError):
    status = 404
    code = "not_found"
    title = "There is nothing at this address"


class BadPathParameter(NotFound):
    """A path segment that cannot name anything (a page number that is not a plain integer, say)."""


class JobNotFound(NotFound):
    code = "job_not_found"
    title = "There is no such job; it may have expired or been deleted"


class PageNotInWindow(NotFound):
    code = "page_not_in_window"
    title = "This window has no page with that index"


class AudioNotReady(NotFound):
    code = "audio_not_ready"
    title = "The sound of this page is not ready"


class BadImage(TanoshiError):
    status = 422
    code = "bad_image"
    title = "These bytes are not an image that can be decoded"


class EmptyUpload(BadImage):
    status = 400
    code = "empty_upload"
    title = "The upload has no bytes"


class UnsupportedImage(BadImage):
    status = 415
    code = "unsupported_image"
    title = "Pages are PNG, JPEG or WebP images"


class ImageTooManyPixels(BadImage):
    status = 413
    code = "image_too_many_pixels"
    title = "The image has more pixels than a page may have"


class UploadTooLarge(BadImage):
    status = 413
    code = "upload_too_large"
    title = "The upload is larger than max_bytes"

    def headers(self) -> dict[str, str]:
        # The rest of the body is on its way; without this the server would take it in to keep the connection.
        return {"Connection": "close"}


class UnknownVoice(InvalidRequest):
    code = "unknown_voice"
    title = "There is no such voice"


class Forbidden(TanoshiError):
    status = 403
    code = "forbidden"
    title = "This is not allowed"


class Unauthorized(Forbidden):
    status = 401
    code = "unauthorized"
    title = "This call needs an API key"

    def headers(self) -> dict[str, str]:
        return {"WWW-Authenticate": "Bearer"}


class TooManyRequests(TanoshiError):
    """A rate limit is used up. `retry_after_s` is in whole seconds; `limit` is the number of calls per window."""

    status = 429
    code = "too_many_requests"
    title = "Too many requests; please wait"

    def __init__(self, detail: str | None = None, *, retry_after_s: int = 1, limit: int | None = None) -> None:
        super().__init__(detail)
        self.retry_after_s = max(1, retry_after_s)
        self.limit = limit

    def headers(self) -> dict[str, str]:
        found = {"Retry-After": str(self.retry_after_s)}
        if self.limit is not None:
            found |= {"RateLimit-Limit": str(self.limit), "RateLimit-Remaining": "0", "RateLimit-Reset": found["Retry-After"]}
        return found


class QuotaExceeded(TooManyRequests):
    code = "quota_exceeded"
    title = "A quota is used up"


class Conflict(TanoshiError):
    status = 409
    code = "conflict"
    title = "The request does not fit the present state"


class Unavailable(TanoshiError):
    status = 503
    code = "unavailable"
    title = "Something this service depends on does not answer; please try again"

    def headers(self) -> dict[str, str]:
        return {"Retry-After": "5"}


class EngineError(TanoshiError):
    code = "engine_error"
    title = "An engine failed"


class ReadingFailed(EngineError):
    code = "reading_failed"
    title = "The page could not be read"


class SpeechFailed(EngineError):
    code = "speech_failed"
    title = "A line could not be spoken"


class BadBook(TanoshiError):
    status = 422
    code = "bad_book"
    title = "This is not a chapter that can be narrated"


class ConfigurationError(TanoshiError):
    code = "configuration"
    title = "The settings cannot work together"
