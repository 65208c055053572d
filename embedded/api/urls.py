"""Which addresses webhooks may have."""

from urllib.parse import urlsplit


def check_webhook_url(url: str) -> str:
    """Sentry refuses single-label hosts, so this engine does too: a rule that works here works there."""
    parts = urlsplit(url)
    host, _ = parts.hostname or "", parts.port  # both raise ValueError where they cannot be read
    if parts.scheme not in ("http", "https") or not ("." in host or ":" in host or host == "localhost"):
        raise ValueError("Enter a valid URL: http or https, and a host name with a dot, localhost or an address.")
    return url
