"""The file of channels: what it may say, and that no mistake in it shows a secret."""

from pathlib import Path

import pytest
import yaml

from embedded.channels.targets import find_receiver
from embedded.destinations import PAGERDUTY_URL, Destinations, load_destinations
from embedded.errors import SettingsError, TransportError

HOOK = "https://hooks.slack.test/services/T0/B0/s3cr3t"
ENVIRON = {"SLACK_OPS": HOOK, "PAGERDUTY": "r0uting-s3cr3t", "EMPTY": "", "NOT_A_URL": "s3cr3t"}
SLACK = {
    "id": 1,
    "provider": "slack",
    "name": "acme",
    "targets": [{"id": "C1", "name": "#ops", "secret": "env:SLACK_OPS"}],
}
MAIL = {"host": "127.0.0.1", "sender": "sentry@acme.test", "security": "none"}


def load(tmp_path: Path, content: object) -> Destinations:
    file = tmp_path / "channels.yml"
    file.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    return load_destinations(file, ENVIRON)


def refusal(tmp_path: Path, content: object) -> str:
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, content)
    assert "s3cr3t" not in str(caught.value)
    return str(caught.value).replace(f"{tmp_path}/", "")


def test_secrets_are_read_from_environment_and_file_and_do_not_show(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("r0uting-s3cr3t\n")
    pager = {"id": 2, "provider": "pagerduty", "name": "acme", "targets": [
        {"id": 77, "name": "isl", "secret": f"file:{tmp_path}/key"}]}  # fmt: skip
    found = load(tmp_path, {"integrations": [SLACK, pager]})
    assert "s3cr3t" not in repr(found) + found.model_dump_json()
    action = {"type": "pagerduty", "integrationId": "2", "config": {"targetIdentifier": "77"}}
    receiver = find_receiver(found, action)
    assert (receiver.url, receiver.secret.get_secret_value()) == (PAGERDUTY_URL, "r0uting-s3cr3t")


def test_nothing_is_configured_without_a_file() -> None:
    assert load_destinations(None, {}) == Destinations()


@pytest.mark.parametrize(
    ("config", "is_found"),
    [
        ({"targetIdentifier": "C1"}, True),
        ({"targetIdentifier": "", "targetDisplay": "#ops"}, True),
        ({"targetIdentifier": "", "targetDisplay": "ops"}, True),
        ({"targetIdentifier": "C2", "targetDisplay": "ops"}, False),  # an id is never overruled by a name
        ({"targetDisplay": "dev"}, False),
    ],
)
def test_target_is_found_by_id_else_by_name(tmp_path: Path, config: dict[str, str], is_found: bool) -> None:
    found = load(tmp_path, {"integrations": [SLACK]})
    action = {"type": "slack", "integrationId": "1", "config": config}
    if is_found:
        assert find_receiver(found, action).label == "slack acme #ops"
    else:
        with pytest.raises(TransportError, match="has no"):
            find_receiver(found, action)
    with pytest.raises(TransportError, match="no discord integration"):
        find_receiver(found, action | {"type": "discord"})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"integrations": [SLACK | {"targets": []}]}, "channels.yml: integrations[0].targets: "),
        ({"integrations": [SLACK | {"provider": "irc"}]}, "integrations[0].provider: Input should be 'slack'"),
        ({"integrations": [SLACK | {"token": "s3cr3t"}]}, "integrations[0].token: Extra inputs"),
        ({"integrations": [SLACK, SLACK]}, "integration id 1 is there twice"),
        ({"integrations": [SLACK | {"targets": SLACK["targets"] * 2}]}, "target id 'C1' is there twice"),  # type: ignore[operator]
        ({"members": [{"id": 1, "name": "Ann", "email": "ann@acme.test"}]}, "members without mail"),
        ({"mail": MAIL, "members": [{"id": 1, "name": "Ann", "email": "ann"}]}, "'ann' is no e-mail address"),
        ({"mail": MAIL | {"user": "u"}}, "user and password go together"),
        ({"mail": MAIL | {"user": "u", "password": "env:PAGERDUTY"}}, "a password over an open line"),
        ({"mail": MAIL | {"user": "u", "password": "s3cr3t"}}, "mail.password: Value error, write env:NAME or file:"),
        ("integrations: [", "channels.yml:1: no YAML"),
        ("a: 's3cr3t\nb: c", "no YAML"),
        ("- s3cr3t", "valid dictionary"),
    ],
)
def test_mistake_is_named_and_no_secret_shown(tmp_path: Path, content: object, message: str) -> None:
    assert message in refusal(tmp_path, content)


@pytest.mark.parametrize(
    ("written", "message"),
    [
        (HOOK, "write env:NAME or file:/path"),
        ("env:ABSENT", "variable ABSENT is not set"),
        ("env:EMPTY", "variable EMPTY is not set"),
        ("file:relative", "write env:NAME or file:/path"),
        ("file:/absent/file", "file /absent/file cannot be read"),
        ("env:NOT_A_URL", "the secret of #ops is no http or https URL"),
        (["s3cr3t"], "write env:NAME"),
    ],
)
def test_secret_is_a_reference_to_something_that_is_there(tmp_path: Path, written: object, message: str) -> None:
    target = {"id": "C1", "name": "#ops", "secret": written}
    assert message in refusal(tmp_path, {"integrations": [SLACK | {"targets": [target]}]})


def test_file_that_is_absent_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"absent\.yml: FileNotFoundError"):
        load_destinations(tmp_path / "absent.yml", {})
