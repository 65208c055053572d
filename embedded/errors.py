"""What can go wrong in the engine, one class per reason; the HTTP statuses are mapped in `ingest` and `api` only."""

from datetime import timedelta


class EmbeddedError(Exception):
    """Base of the engine's own errors."""


class SettingsError(EmbeddedError):
    """Raised at start-up when an `EMBEDDED_*` variable is unknown or out of range."""


class RejectedError(EmbeddedError):
    """Raised when a request to the ingest routes is refused as a whole, with Relay's status and detail.

    `reason` is what the books say of the items that were in it, once it is known whose they are.
    """

    def __init__(self, status: int, detail: str, *causes: str, reason: str = "invalid_envelope") -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.causes = causes
        self.reason = reason


class StoreUnavailableError(EmbeddedError):
    """Raised to a waiting writer when its commit failed: nothing of it is on disk."""


class StoreVersionError(EmbeddedError):
    """Raised at start-up when the data file was written by a version that laid it out differently."""


class TransportError(EmbeddedError):
    """Raised by a channel when a notification did not arrive; `permanent` ends the retries.

    `retry_after` is how long the receiver asked to be left alone. The message is logged: it names no secret address.
    """

    def __init__(self, message: str, *, permanent: bool, retry_after: timedelta | None = None) -> None:
        super().__init__(message)
        self.permanent = permanent
        self.retry_after = retry_after


class UnmadeError(TransportError):
    """Raised when a notification could not even be made: nothing was asked of its receiver."""
