"""The overlay: byte for byte upstream's example and ours after it, and one subnet opened, no more."""

import ipaddress
from pathlib import Path
from typing import Any

import pytest
import yaml

from rehearsal.errors import EnvironmentMissingError
from rehearsal.self_hosted.overlay import LAYERS, SUBNET, choose_values, lay, render
from rehearsal.self_hosted.preflight import Profile
from rehearsal.self_hosted.release import FOLDER, unpack
from tests.unit.rehearsal.self_hosted.upstream import FILES, RELEASE, make_archive

BIND = "127.0.0.1:9000"
# The private networks that upstream refuses by default, in part. Source: its sentry.conf.example.py at 26.8.0.
REFUSED = ("10.0.0.0/8", "127.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1/128")


@pytest.fixture
def release(tmp_path: Path) -> Path:
    return unpack(make_archive(tmp_path / "a.tar.gz"), tmp_path, RELEASE)


@pytest.mark.parametrize("profile", list(Profile))
def test_each_file_is_the_example_and_then_ours(tmp_path: Path, release: Path, profile: Profile) -> None:
    values = choose_values(tmp_path, profile, BIND)
    lay(release, values)
    for layer in LAYERS:
        ours = (FOLDER / "overlay" / layer.source).read_text()
        for name, value in values.items():
            ours = ours.replace(f"@{name}@", value)
        assert (release / layer.target).read_text() == FILES.get(layer.example, "") + ours
        assert (release / layer.target).stat().st_mode & 0o777 == layer.mode
    changed = {str(file.relative_to(release)) for file in release.rglob("*") if file.is_file()} - set(FILES)
    assert changed == {layer.target for layer in LAYERS}
    assert {name: (release / name).read_text() for name in FILES} == FILES  # upstream's own files are untouched


def test_laid_again_it_is_the_same(tmp_path: Path, release: Path) -> None:
    lay(release, choose_values(tmp_path, Profile.ERRORS_ONLY, BIND))
    first = {layer.target: (release / layer.target).read_bytes() for layer in LAYERS}
    lay(release, choose_values(tmp_path, Profile.ERRORS_ONLY, BIND))
    assert {layer.target: (release / layer.target).read_bytes() for layer in LAYERS} == first


def test_no_secret_of_upstream_stays_and_ours_are_random(tmp_path: Path) -> None:
    one, two = (choose_values(tmp_path / each, Profile.ERRORS_ONLY, BIND) for each in "ab")
    secret = ("SECRET_KEY", "LAUNCHPAD_SECRET", "ADMIN_PASSWORD")
    assert len({values[name] for values in (one, two) for name in secret}) == 6
    assert (tmp_path / "a" / "self-hosted" / "secrets.json").stat().st_mode & 0o777 == 0o600


def test_sentry_may_send_into_our_subnet_and_into_no_other_private_network(tmp_path: Path, release: Path) -> None:
    lay(release, choose_values(tmp_path, Profile.FEATURE_COMPLETE, BIND))
    text = (release / "sentry" / "sentry.conf.py").read_text().removeprefix(FILES["sentry/sentry.conf.example.py"])
    namespace: dict[str, Any] = {"SENTRY_DISALLOWED_IPS": REFUSED}
    exec(compile(text, "sentry.conf.py", "exec"), namespace)  # noqa: S102 - our own file, as Sentry reads it
    refused = [ipaddress.ip_network(each) for each in namespace["SENTRY_DISALLOWED_IPS"]]

    def is_refused(address: str) -> bool:
        return any(ipaddress.ip_address(address) in network for network in refused)

    ours = ipaddress.ip_network(SUBNET)
    assert not any(is_refused(str(address)) for address in ours)
    outside = (ours[0] - 1, ours[-1] + 1)
    assert all(map(is_refused, ("10.1.2.3", "127.0.0.1", "192.168.0.1", "172.17.0.1", "::1", *map(str, outside))))
    assert namespace["SENTRY_BEACON"] is False
    assert namespace["CSRF_TRUSTED_ORIGINS"] == [f"http://{BIND}"]


def test_the_options_and_the_override_are_yaml_with_our_values(tmp_path: Path, release: Path) -> None:
    lay(release, choose_values(tmp_path, Profile.FEATURE_COMPLETE, BIND))
    options = yaml.safe_load((release / "sentry" / "config.yml").read_text())
    assert (options["mail.host"], options["system.url-prefix"]) == ("smtp", f"http://{BIND}")
    override = yaml.safe_load((release / "docker-compose.override.yml").read_text())
    assert override["networks"]["default"]["ipam"]["config"] == [{"subnet": SUBNET}]
    assert override["services"]["clickhouse"]["environment"] == {"MAX_MEMORY_USAGE_RATIO": "0.3"}


def test_a_value_that_nobody_gives_is_named() -> None:
    with pytest.raises(EnvironmentMissingError, match=r"overlay/env\.custom: found @SECRT@, known are BIND, SECRET"):
        render("A=@SECRT@", {"SECRET": "x", "BIND": "y"}, "env.custom")


def test_a_release_without_the_example_is_named(tmp_path: Path) -> None:
    files = {name: text for name, text in FILES.items() if "config.example" not in name}
    release = unpack(make_archive(tmp_path / "a.tar.gz", files), tmp_path, RELEASE)
    with pytest.raises(EnvironmentMissingError, match="found no such file, needed by overlay/config"):
        lay(release, choose_values(tmp_path, Profile.ERRORS_ONLY, BIND))
