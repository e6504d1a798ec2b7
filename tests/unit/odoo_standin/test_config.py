from pathlib import Path

import pytest
from odoo_standin import config
from odoo_standin.config import ConfigError


def written(folder: Path, text: str) -> Path:
    path = folder / "odoo.conf"
    path.write_text(text)
    return path


def errors_of(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        config.read(written(folder, text))
    return caught.value.errors


def test_what_is_not_said_is_as_in_odoo(tmp_path: Path) -> None:
    found = config.read(written(tmp_path, "[options]\n"))
    assert (found.http_port, found.gevent_port, found.workers) == (8069, 8072, 0)
    assert (found.list_db, found.proxy_mode, found.dbfilter) == (True, False, "")


def test_every_option_is_read(tmp_path: Path) -> None:
    text = f"""[options]
    ; a comment
    db_host = db
    db_user = tenants
    db_password = p%w;d
    dbfilter = ^%d_db$
    proxy_mode = True
    list_db = False
    workers = 5
    limit_memory_hard = 805306368
    limit_memory_soft = 671088640
    limit_time_cpu = 600
    limit_time_real = 1200
    addons_path = {tmp_path}, {tmp_path}
    admin_passwd = False
    log_level = warn
    """.replace("\n    ", "\n")
    found = config.read(written(tmp_path, text))
    assert found.db_password == "p%w;d"
    assert (found.dbfilter, found.proxy_mode, found.list_db) == ("^%d_db$", True, False)
    assert (found.workers, found.limit_memory_soft) == (5, 640 * 2**20)
    assert (found.addons_path, found.admin_passwd) == ((tmp_path, tmp_path), "")


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("db_hosts = db", "db_hosts: unknown option"),
        ("workers = many", "workers: expected a whole number from 0 to 128 (got 'many')"),
        ("workers = -1", "workers: expected a whole number from 0 to 128 (got '-1')"),
        ("proxy_mode = maybe", "proxy_mode: expected True or False (got 'maybe')"),
        ("log_level = loud", "log_level: expected one of critical, error, warn, info, debug"),
        ("dbfilter = (%d", "dbfilter: expected a regular expression with %d or %h"),
        ("addons_path = /nowhere", "addons_path: /nowhere is no folder"),
        ("data_dir = here", "data_dir: expected an absolute path"),
        ("gevent_port = 8069", "gevent_port: is http_port too"),
        ("limit_memory_soft = 9000000000", "limit_memory_soft: is above limit_memory_hard"),
    ],
)
def test_a_value_that_makes_no_sense_ends_the_start(tmp_path: Path, line: str, error: str) -> None:
    (found,) = errors_of(tmp_path, f"[options]\n{line}\n")
    assert found.startswith(error)


def test_all_errors_are_told_at_once_and_no_secret(tmp_path: Path) -> None:
    text = "[options]\ndb_port = x\ndb_password = hunter2\nnothing = 1\n[other]\n"
    assert len(errors_of(tmp_path, text)) == 3
    assert "hunter2" not in " ".join(errors_of(tmp_path, text))
    # A line that is no INI would be quoted by the parser's own error.
    assert "hunter2" not in " ".join(errors_of(tmp_path, "[options]\ndb_password hunter2\n"))
    kept = config.read(written(tmp_path, "[options]\ndb_password = hunter2\n"))
    assert kept.db_password == "hunter2"
    assert "hunter2" not in repr(kept)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"odoo\.conf: cannot be read"):
        config.read(tmp_path / "odoo.conf")
