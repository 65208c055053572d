"""EMBEDDED_* variables, and what is said of wrong ones."""

from pathlib import Path

import pytest

from embedded.errors import SettingsError
from embedded.settings import Settings, load_settings


def test_load_settings_has_defaults_and_ignores_other_variables() -> None:
    settings = load_settings({"PATH": "/bin", "EMBEDDED_SPEED": ""})  # an empty value counts as unset
    assert settings == Settings(host="127.0.0.1", port=9000, data_dir=Path("var/embedded"), speed=1)
    assert settings.url == "http://127.0.0.1:9000"


def test_load_settings_reads_every_variable(tmp_path: Path) -> None:
    given = {"HOST": "127.0.0.2", "PORT": "9001", "DATA_DIR": str(tmp_path), "SPEED": "60"}
    settings = load_settings({f"EMBEDDED_{name}": value for name, value in given.items()})
    assert settings == Settings(host="127.0.0.2", port=9001, data_dir=tmp_path, speed=60)
    assert (settings.database, settings.token_path) == (tmp_path / "engine.sqlite", tmp_path / "token")


def test_public_url_and_token_file_win_over_what_is_derived() -> None:
    given = {"EMBEDDED_PUBLIC_URL": "https://sentry.example.test/", "EMBEDDED_TOKEN_FILE": "/run/secrets/token"}
    settings = load_settings(given)
    assert (settings.url, settings.token_path) == ("https://sentry.example.test", Path("/run/secrets/token"))


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("EMBEDDED_PORT", "0", "EMBEDDED_PORT: found '0'; Input should be greater than or equal to 1"),
        ("EMBEDDED_PORT", "65536", "EMBEDDED_PORT: found '65536'; Input should be less than or equal to 65535"),
        ("EMBEDDED_PORT", "web", "EMBEDDED_PORT: found 'web'; Input should be a valid integer"),
        ("EMBEDDED_SPEED", "0.5", "EMBEDDED_SPEED: found '0.5'; Input should be greater than or equal to 1"),
        ("EMBEDDED_SPEED", "601", "EMBEDDED_SPEED: found '601'; Input should be less than or equal to 600"),
        ("EMBEDDED_SPEED", "nan", "EMBEDDED_SPEED: found 'nan'; Input should be less than or equal to 600"),
        ("EMBEDDED_PUBLIC_URL", "sentry:9000", "EMBEDDED_PUBLIC_URL: found 'sentry:9000'; String should match pattern"),
        (
            "EMBEDDED_SPED",
            "60",
            "EMBEDDED_SPED: found '60'; no such variable, allowed are EMBEDDED_HOST, EMBEDDED_PORT, EMBEDDED_P",
        ),
    ],
)
def test_load_settings_names_variable_value_and_remedy(name: str, value: str, message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings({name: value})
    assert str(caught.value).startswith(message)


def test_load_settings_names_every_wrong_variable() -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings({"EMBEDDED_PORT": "0", "EMBEDDED_SPEED": "0"})
    assert [line.partition(":")[0] for line in str(caught.value).splitlines()] == ["EMBEDDED_PORT", "EMBEDDED_SPEED"]
