"""What leaves the process has no secrets: text, then trees of it, then whole Sentry events."""
