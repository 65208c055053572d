"""Settings for an app in process: open to anybody, and it logs errors only."""

from service.settings import Settings, load_settings


def quiet_settings(**extra: str) -> Settings:
    """The settings that the unit tests of the API share, and what a test adds."""
    own = {"ISL_LOG_LEVEL": "ERROR", "ISL_AUTH_DISABLED": "true", "ISL_RATE_LIMIT": "100000/minute"}
    return load_settings(own | extra)
