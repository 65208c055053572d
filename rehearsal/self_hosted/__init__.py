"""Upstream's self-hosted Sentry at a pinned release: checked, fetched, overlaid, installed, bootstrapped, removed.

A Python package beside the shell scripts of sentry-self-hosted/, since this part needs types and tests like the rest:
checksums, resumable steps, the web API. Those scripts only call it.
"""
