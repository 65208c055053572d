"""Settings: what is read, what is refused, and that the message helps."""

import sys

import pytest

from service.sampling import RouteRate
from service.settings import SettingsError, load_settings, settings_or_exit

DSN = "http://0123456789abcdef@127.0.0.1:9000/1"


def test_nothing_set_gives_a_service_without_sentry_on_loopback() -> None:
    settings = load_settings({})
    assert (settings.sentry_enabled, settings.isl_host, settings.isl_port, settings.isl_workers) == (
        False,
        "127.0.0.1",
        8000,
        None,
    )


@pytest.mark.parametrize(
    ("environment", "traces", "profiles"),
    [("development", 1.0, 1.0), ("staging", 0.5, 0.3), ("production", 0.1, 0.05)],
)
def test_unset_rates_are_the_guides_for_the_environment(environment: str, traces: float, profiles: float) -> None:
    settings = load_settings({"SENTRY_ENVIRONMENT": environment})
    assert (settings.traces_sample_rate, settings.profiles_sample_rate) == (traces, profiles)


@pytest.mark.parametrize("given", ["0", "0.25", "1", "1.0"])
def test_set_rate_wins(given: str) -> None:
    environ = {"SENTRY_ENVIRONMENT": "production", "SENTRY_TRACES_SAMPLE_RATE": given}
    assert load_settings(environ).traces_sample_rate == float(given)
    environ = {"SENTRY_ENVIRONMENT": "staging", "SENTRY_PROFILES_SAMPLE_RATE": given}
    assert load_settings(environ).profiles_sample_rate == float(given)


def test_route_rates_are_pairs_in_any_spacing() -> None:
    given = " /api/v1/causal/validate=0.05 ,<unmatched>=0, /api/v1/outcomes/{log_id} = 1,"
    assert load_settings({"SENTRY_TRACES_ROUTES": given}).sentry_traces_routes == (
        RouteRate("/api/v1/causal/validate", 0.05),
        RouteRate("<unmatched>", 0.0),
        RouteRate("/api/v1/outcomes/{log_id}", 1.0),
    )


def test_trusted_callers_are_addresses_and_networks() -> None:
    found = load_settings({"ISL_TRUSTED_CALLERS": "10.0.0.0/8, 127.0.0.1,::1"}).isl_trusted_callers
    assert [str(each) for each in found] == ["10.0.0.0/8", "127.0.0.1/32", "::1/128"]


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"SENTRY_TRACES_SAMPLE_RATE": "1.5"}, ["SENTRY_TRACES_SAMPLE_RATE", "'1.5'", "from 0 to 1"]),
        ({"SENTRY_TRACES_SAMPLE_RATE": "-0.1"}, ["SENTRY_TRACES_SAMPLE_RATE", "'-0.1'"]),
        ({"SENTRY_TRACES_SAMPLE_RATE": "nan"}, ["SENTRY_TRACES_SAMPLE_RATE", "'nan'"]),
        ({"SENTRY_TRACES_SAMPLE_RATE": "ten"}, ["SENTRY_TRACES_SAMPLE_RATE", "'ten'"]),
        ({"SENTRY_PROFILES_SAMPLE_RATE": "2"}, ["SENTRY_PROFILES_SAMPLE_RATE", "'2'", "from 0 to 1"]),
        ({"SENTRY_TRACES_ROUTES": "/a=0.1,/b=1.5"}, ["SENTRY_TRACES_ROUTES", "'/b=1.5'", "<route template>="]),
        ({"SENTRY_TRACES_ROUTES": "/a"}, ["SENTRY_TRACES_ROUTES", "'/a'"]),
        ({"SENTRY_TRACES_ROUTES": "/a=nan"}, ["SENTRY_TRACES_ROUTES", "'/a=nan'"]),
        ({"SENTRY_TRACES_ROUTES": "a=1"}, ["SENTRY_TRACES_ROUTES", "'a=1'"]),
        ({"SENTRY_TRACES_ROUTES": "/a=1,/a=0"}, ["SENTRY_TRACES_ROUTES", "twice"]),
        ({"ISL_TRUSTED_CALLERS": "10.0.0.1/8"}, ["ISL_TRUSTED_CALLERS", "host bits", "networks"]),
        ({"ISL_TRUSTED_CALLERS": "gateway"}, ["ISL_TRUSTED_CALLERS", "gateway", "addresses"]),
        ({"ISL_USER_ID_SECRET": "short"}, ["ISL_USER_ID_SECRET", "too short", "at least 32"]),
        ({"ISL_USER_ID_SECRET": "changeme" * 8}, ["ISL_USER_ID_SECRET", "placeholder"]),
        ({"ISL_USER_ID_SECRET": "ab" * 32}, ["ISL_USER_ID_SECRET", "uniform"]),
        ({"SENTRY_ENABLED": "perhaps"}, ["SENTRY_ENABLED", "'perhaps'", "true or false"]),
        ({"SENTRY_ENABLED": "true"}, ["SENTRY_DSN", "nothing"]),
        ({"SENTRY_ENABLED": "true", "SENTRY_DSN": " "}, ["SENTRY_DSN", "nothing"]),
        (
            {"SENTRY_ENABLED": "true", "SENTRY_DSN": "https://your-actual-dsn@sentry.io/project-id"},
            ["SENTRY_DSN", "placeholder", "your-actual-dsn"],
        ),
        ({"SENTRY_DSN": "https://0123@sentry.io/word"}, ["SENTRY_DSN", "project number"]),
        ({"SENTRY_ENVIRONMENT": "prod"}, ["SENTRY_ENVIRONMENT", "'prod'", "staging"]),
        ({"ISL_PORT": "70000"}, ["ISL_PORT", "'70000'", "65535"]),
        ({"ISL_WORKERS": "0"}, ["ISL_WORKERS", "'0'", "from 1"]),
        ({"ISL_LOG_LEVEL": "LOUD"}, ["ISL_LOG_LEVEL", "'LOUD'", "WARNING"]),
        ({"ISL_GIT_SHA": "main"}, ["ISL_GIT_SHA", "'main'", "hex"]),
        (
            {"ISL_DATABASE_URL": "mysql://isl@db/isl"},
            ["ISL_DATABASE_URL", "another kind", "sqlite:///", "postgresql://"],
        ),
        ({"ISL_DATABASE_URL": "sqlite:///:memory:"}, ["ISL_DATABASE_URL", "another kind"]),
        ({"ISL_DATABASE_URL": "sqlite://"}, ["ISL_DATABASE_URL", "another kind"]),
        ({"ISL_DATABASE_URL": "postgresql://db"}, ["ISL_DATABASE_URL", "another kind"]),
        ({"ISL_DATABASE_URL": "postgresql://db:port/isl"}, ["ISL_DATABASE_URL", "no URL"]),
        ({"ISL_CACHE_URL": "http://cache"}, ["ISL_CACHE_URL", "another kind", "redis://"]),
        ({"ISL_CACHE_URL": "redis:"}, ["ISL_CACHE_URL", "another kind"]),
        ({"ISL_RUNBOOK_URL": "https://wiki/isl"}, ["ISL_RUNBOOK_URL", "'https://wiki/isl'", "{code}"]),
        ({"ISL_RUNBOOK_URL": "ftp://wiki/{code}"}, ["'ftp://wiki/{code}'"]),
        ({"ISL_RUNBOOK_URL": "https://{code}/isl"}, ["'https://{code}/isl'"]),
        ({"ISL_RUNBOOK_URL": "https://wiki/{code}/{code}"}, ["'https://wiki/{code}/{code}'"]),
        ({"ISL_RUNBOOK_URL": "https://wiki/isl#{code}"}, ["'https://wiki/isl#{code}'"]),
        ({"ISL_RUNBOOK_URL": "https://wiki/isl?code={code}"}, ["'https://wiki/isl?code={code}'"]),
        ({"ISL_RUNBOOK_URL": "https://u:p@wiki/{code}"}, ["found a URL with a user"]),
        ({"ISL_RUNBOOK_URL": f"https://wiki/{'x' * 180}/{{code}}"}, ["short enough for a tag"]),
        ({"ISL_PLOT_URL": "plot:8001"}, ["ISL_PLOT_URL", "'plot:8001'", "http://"]),
        ({"ISL_PLOT_URL": "http://plot/v1"}, ["ISL_PLOT_URL", "without a path"]),
        ({"ISL_PLOT_URL": "http://user:s3cret@plot"}, ["ISL_PLOT_URL", "without"]),
        ({"ISL_Y0_CROSS_CHECK": "perhaps"}, ["ISL_Y0_CROSS_CHECK", "'perhaps'", "true or false"]),
        ({"ISL_PROT": "1"}, ["ISL_PROT", "unknown", "ISL_PORT"]),
        (
            {"ISL_FAULTS_FILE": "faults.json", "SENTRY_ENVIRONMENT": "production"},
            ["ISL_FAULTS_FILE", "'faults.json'", "not production"],
        ),
    ],
)
def test_wrong_variable_is_named_with_what_was_found_and_what_is_allowed(
    environ: dict[str, str], expected: list[str]
) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(environ)
    assert [part for part in expected if part not in str(caught.value)] == []


def test_y0_is_asked_for_only_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "y0", None)  # as if it were not
    with pytest.raises(SettingsError, match=r"found true, and y0 is not installed, allowed: .*`make y0`"):
        load_settings({"ISL_Y0_CROSS_CHECK": "true"})
    assert not load_settings({"ISL_Y0_CROSS_CHECK": "false"}).isl_y0_cross_check


def test_all_problems_are_listed_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings({"ISL_PORT": "x", "ISL_PROT": "1", "SENTRY_TRACES_SAMPLE_RATE": "2"})
    assert len(str(caught.value).splitlines()) == 4


def test_process_environment_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ISL_PORT", "1234")
    assert load_settings({}).isl_port == 8000


def test_variables_of_other_tools_pass() -> None:
    load_settings({"SENTRY_ORG": "olumi", "SENTRY_AUTH_TOKEN": "x", "PATH": "/bin"})


def test_the_dsn_is_in_no_representation() -> None:
    settings = load_settings({"SENTRY_ENABLED": "1", "SENTRY_DSN": DSN})
    assert "0123456789abcdef" not in f"{settings!r} {settings}"


def test_a_broken_dsn_is_not_quoted() -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings({"SENTRY_DSN": "s3cret"})
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("variable", "url"),
    [("ISL_DATABASE_URL", "postgresql://isl:s3cret@db/isl"), ("ISL_CACHE_URL", "rediss://:s3cret@cache:6379/0")],
)
def test_passwords_of_dependencies_are_in_no_representation(variable: str, url: str) -> None:
    settings = load_settings({variable: url})
    assert "s3cret" not in f"{settings!r} {settings}"
    with pytest.raises(SettingsError) as caught:
        load_settings({variable: url.replace("://", "+x://")})
    assert "s3cret" not in str(caught.value)


def test_the_secret_of_user_ids_is_quoted_nowhere() -> None:
    secret = "0123456789abcdef" * 2
    settings = load_settings({"ISL_USER_ID_SECRET": secret})
    assert secret not in f"{settings!r} {settings}"
    with pytest.raises(SettingsError) as caught:
        load_settings({"ISL_USER_ID_SECRET": secret[:-1]})
    assert secret[:-1] not in str(caught.value)


def test_a_password_in_plot_s_url_is_not_quoted() -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings({"ISL_PLOT_URL": "http://user:s3cret@plot"})
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "origin"),
    [
        ("https://plot.internal:8443/", "https://plot.internal:8443"),
        ("http://PLOT:80", "http://plot"),
        ("https://plot:443", "https://plot"),
    ],
)
def test_plot_s_url_is_written_as_it_will_be_called(given: str, origin: str) -> None:
    assert load_settings({"ISL_PLOT_URL": given}).isl_plot_url == origin


def test_exit_is_a_usage_error_with_the_message_alone(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        settings_or_exit({"SENTRY_TRACES_SAMPLE_RATE": "1.5"})
    assert caught.value.code == 2
    assert capsys.readouterr().err.splitlines()[1].strip().startswith("SENTRY_TRACES_SAMPLE_RATE: found '1.5'")
