"""Breadcrumbs of the validation's steps: what Sentry shows of the way to an error. Sizes and the asked pair only."""

import sentry_sdk

from monitors import signals


def leave_crumb(message: str, **data: str | int) -> None:
    """Note that a step has begun."""
    sentry_sdk.add_breadcrumb(category=signals.CRUMB_VALIDATION.name, message=message, data=data)
