from pathlib import Path

import pytest
from ledger.failures import FailMode
from ledger.settings import Settings, SettingsError
from psycopg.conninfo import conninfo_to_dict

URL = {"DATABASE_URL": "postgresql://app:s3cret-word@db:5433/ledger"}
PARTS = {
    "DATABASE_HOST": "db",
    "DATABASE_NAME": "ledger",
    "DATABASE_USER": "app",
    "DATABASE_PASSWORD": "s3cret word'\\",
}


def errors_of(env: dict[str, str]) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        Settings.load(env)
    return caught.value.errors


def test_defaults_serve_on_port_8000_and_drain_for_ten_seconds() -> None:
    settings = Settings.load(URL)
    assert (settings.host, settings.port, settings.release) == ("0.0.0.0", 8000, "dev")
    assert (settings.drain_seconds, settings.fail_mode) == (10.0, FailMode("none"))


def test_every_variable_is_read() -> None:
    settings = Settings.load(
        {
            **URL,
            "HOST": "127.0.0.1",
            "PORT": "9000",
            "RELEASE": "v1.2.3",
            "APP_URL": "https://ledger.example.com/",
            "START_DELAY_SECONDS": "1.5",
            "FAIL_MODE": "crash-after:7",
            "LOG_LEVEL": "debug",
            "DRAIN_SECONDS": "0",
            "WORKER_POLL_SECONDS": "0.2",
            "QUEUE_CONCURRENCY": "4",
            "HEARTBEAT_FILE": "/run/beat",
        }
    )
    assert (settings.host, settings.port, settings.release) == ("127.0.0.1", 9000, "v1.2.3")
    assert settings.app_url == "https://ledger.example.com"
    assert (settings.start_delay_seconds, settings.drain_seconds) == (1.5, 0.0)
    assert settings.fail_mode == FailMode("crash-after", 7.0)
    assert (settings.log_level, settings.worker_poll_seconds) == ("DEBUG", 0.2)
    assert (settings.queue_concurrency, settings.heartbeat_file) == (4, Path("/run/beat"))


def test_separate_variables_make_a_connection_whatever_the_password_holds() -> None:
    parts = conninfo_to_dict(Settings.load({**PARTS, "DATABASE_PORT": "6000"}).conninfo)
    assert parts["password"] == PARTS["DATABASE_PASSWORD"]
    assert (parts["host"], parts["port"], parts["dbname"]) == ("db", "6000", "ledger")
    assert parts["connect_timeout"] == "3"


def test_a_socket_folder_needs_no_password() -> None:
    env = {**PARTS, "DATABASE_HOST": "/run/postgresql"}
    del env["DATABASE_PASSWORD"]
    assert "password" not in conninfo_to_dict(Settings.load(env).conninfo)


@pytest.mark.parametrize("name", ["DATABASE_URL", "DATABASE_PASSWORD"])
def test_a_secret_may_come_from_a_file_without_its_line_end(tmp_path: Path, name: str) -> None:
    env = dict(URL if name == "DATABASE_URL" else PARTS)
    file = tmp_path / "secret"
    file.write_text(env.pop(name) + "\n")
    expected = Settings.load(URL if name == "DATABASE_URL" else PARTS).conninfo
    assert Settings.load({**env, f"{name}_FILE": str(file)}).conninfo == expected


def test_secrets_are_not_in_the_repr_and_are_known_to_the_log() -> None:
    settings = Settings.load(URL)
    assert "s3cret" not in repr(settings)
    assert "s3cret-word" in settings.secrets


BAD: list[tuple[dict[str, str], str]] = [
    ({"PORT": "0"}, "PORT: expected a whole number from 1 to 65535 (got '0')"),
    ({"PORT": "65536"}, "PORT: expected a whole number from 1 to 65535 (got '65536')"),
    ({"PORT": "1_000"}, "PORT: expected a whole number from 1 to 65535 (got '1_000')"),
    ({"PORT": "٨٠"}, "PORT: expected a whole number from 1 to 65535 (got '٨٠')"),
    ({"RELEASE": "a b"}, "RELEASE: expected up to 128 of letters, digits and . _ + : @ / - "),
    ({"APP_URL": "ledger.example.com"}, "APP_URL: expected an address such as https://"),
    ({"APP_URL": "https://u:p@host"}, "APP_URL: expected an address such as https://"),
    ({"LOG_LEVEL": "loud"}, "LOG_LEVEL: expected one of DEBUG, INFO"),
    ({"START_DELAY_SECONDS": "-1"}, "START_DELAY_SECONDS: expected seconds from 0 to 3600"),
    ({"DRAIN_SECONDS": "nan"}, "DRAIN_SECONDS: expected seconds from 0 to 3600 (got 'nan')"),
    ({"WORKER_POLL_SECONDS": "0"}, "WORKER_POLL_SECONDS: expected seconds from 0.05 to 3600"),
    ({"QUEUE_CONCURRENCY": "0"}, "QUEUE_CONCURRENCY: expected a whole number from 1 to 64"),
    ({"FAIL_MODE": "sometimes"}, "FAIL_MODE: expected one of none, never-healthy"),
    ({"FAIL_MODE": "crash-after"}, "FAIL_MODE: expected one of none"),
    ({"FAIL_MODE": "crash-after:x"}, "FAIL_MODE: expected one of none"),
    ({"FAIL_MODE": "crash-after:-1"}, "FAIL_MODE: expected one of none"),
    ({"FAIL_MODE": "unhealthy-after:inf"}, "FAIL_MODE: expected one of none"),
    ({"FAIL_MODE": "none:1"}, "FAIL_MODE: expected one of none"),
    ({"DATABASE_URL_FILE": "/x"}, "DATABASE_URL: DATABASE_URL_FILE is set as well"),
    ({"DATABASE_HOST": "db"}, "DATABASE_URL: DATABASE_HOST is set as well"),
    ({"DATABASE_PASSWORD_FILE": "/x"}, "DATABASE_URL: DATABASE_PASSWORD_FILE is set as well"),
    ({"DATABASE_URL": "mysql://u:s3cret-word@db/x"}, "DATABASE_URL: not a database URL; expected"),
    ({"DATABASE_URL": "postgresql://u:s3cret-word@db"}, "DATABASE_URL: not a database URL"),
    ({"DATABASE_URL": "postgresql://u:s3cret-word@db:x/y?z"}, "DATABASE_URL: not a database"),
    ({"DATABASE_URL": ""}, "DATABASE_URL: no database is given; set DATABASE_URL, or"),
]


@pytest.mark.parametrize(("change", "message"), BAD)
def test_a_bad_value_is_named_with_what_would_be_right(
    change: dict[str, str], message: str
) -> None:
    errors = errors_of({**URL, **change})
    assert len(errors) == 1
    assert errors[0].startswith(message)
    assert "s3cret" not in errors[0]


@pytest.mark.parametrize("name", sorted(PARTS))
def test_a_missing_part_of_the_database_is_named(name: str) -> None:
    env = {key: value for key, value in PARTS.items() if key != name}
    assert errors_of(env) == [f"{name}: missing; the other DATABASE_ variables need it"]


def test_files_of_secrets_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\xff")
    env = {key: value for key, value in PARTS.items() if key != "DATABASE_PASSWORD"}

    def error_for(name: str) -> str:
        (error,) = errors_of({**env, "DATABASE_PASSWORD_FILE": str(tmp_path / name)})
        return error.replace(str(tmp_path), "DIR")

    assert error_for("gone") == (
        "DATABASE_PASSWORD_FILE: cannot read DIR/gone: No such file or directory"
    )
    assert error_for("empty").startswith("DATABASE_PASSWORD_FILE: DIR/empty is empty")
    assert error_for("binary") == "DATABASE_PASSWORD_FILE: DIR/binary is not UTF-8 text"


def test_all_errors_come_at_once() -> None:
    errors = errors_of({"PORT": "x", "LOG_LEVEL": "x", "FAIL_MODE": "x", "DATABASE_HOST": "db"})
    assert {error.partition(":")[0] for error in errors} == {
        "PORT",
        "LOG_LEVEL",
        "FAIL_MODE",
        "DATABASE_NAME",
        "DATABASE_USER",
        "DATABASE_PASSWORD",
    }
