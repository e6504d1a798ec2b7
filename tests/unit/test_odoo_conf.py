"""odoo.conf as a pure function, and as what reads it sees it."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from odoo_standin import config as standin
from odoo_standin.databases import visible

from systems.odoo import odoo_conf
from systems.odoo.odoo_conf import OdooConf

PASSWORD = "s3cret%;#="
CONF = OdooConf(
    db_host="tenants-postgres",
    db_port=5432,
    db_user="odoo_tenants_1",
    db_maxconn=8,
    dbfilter=odoo_conf.TENANTS,
    workers=5,
    limit_memory_soft_mib=512,
    limit_memory_hard_mib=640,
    log_level="info",
)


@pytest.mark.parametrize(("cores", "expected"), [(1, 3), (2, 5), (4, 9), (16, 33)])
def test_workers_follow_the_processors(cores: int, expected: int) -> None:
    assert odoo_conf.workers(cores) == expected


def test_the_file_is_exactly_this() -> None:
    assert odoo_conf.render(CONF, db_password=PASSWORD, admin_passwd=None) == (
        "[options]\n"
        "db_host = tenants-postgres\n"
        "db_port = 5432\n"
        "db_user = odoo_tenants_1\n"
        "db_maxconn = 8\n"
        "dbfilter = ^%d_db$\n"
        "proxy_mode = True\n"
        "http_port = 8069\n"
        "gevent_port = 8072\n"
        "workers = 5\n"
        "max_cron_threads = 1\n"
        "limit_memory_soft = 536870912\n"
        "limit_memory_hard = 671088640\n"
        "limit_time_cpu = 600\n"
        "limit_time_real = 1200\n"
        "log_level = info\n"
        "addons_path = /mnt/extra-addons\n"
        "data_dir = /var/lib/odoo\n"
        "without_demo = True\n"
        "list_db = False\n"
        f"db_password = {PASSWORD}\n"
    )


def read(folder: Path, text: str) -> standin.Config:
    path = folder / "odoo.conf"
    path.write_text(text.replace("/mnt/extra-addons", str(folder)))
    return standin.read(path)


def test_what_reads_it_finds_what_was_meant(tmp_path: Path) -> None:
    text = odoo_conf.render(CONF, db_password=PASSWORD, admin_passwd="the master's")
    found = read(tmp_path, text)
    assert (found.db_password, found.admin_passwd) == (PASSWORD, "the master's")
    assert (found.list_db, found.proxy_mode, found.workers) == (True, True, 5)
    assert found.limit_memory_soft == 512 * 2**20
    assert visible(["shop_db", "shop_db_old"], found.dbfilter, "shop.example.com") == ["shop_db"]


def test_without_a_master_password_the_manager_is_off_and_nothing_would_open_it(
    tmp_path: Path,
) -> None:
    text = odoo_conf.render(CONF, db_password=PASSWORD, admin_passwd=None)
    assert "admin_passwd" not in text
    assert read(tmp_path, text).list_db is False


@pytest.mark.parametrize(
    ("password", "passwd"), [("a\nlist_db = True", None), ("a", "b\nc"), ("a\0", None)]
)
def test_a_value_that_would_be_another_option_is_refused(password: str, passwd: str | None) -> None:
    with pytest.raises(ValueError, match="holds a line break or a control character"):
        odoo_conf.render(CONF, db_password=password, admin_passwd=passwd)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"workers": 0}, "workers: must be at least 1"),
        ({"limit_memory_soft_mib": 641}, "must be at most limit_memory_hard_mib"),
    ],
)
def test_settings_that_make_no_sense_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(CONF, **changes)


def test_the_version_changes_with_settings_and_secrets_and_holds_none() -> None:
    versions = {
        odoo_conf.version(CONF, "1"),
        odoo_conf.version(CONF, "2"),
        odoo_conf.version(CONF, "1", "1"),
        odoo_conf.version(dataclasses.replace(CONF, workers=6), "1"),
    }
    assert len(versions) == 4
