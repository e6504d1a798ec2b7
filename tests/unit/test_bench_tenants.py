"""What the benchmark of tenants reads from what Docker says."""

import pytest

from bench import tenants

STATS = {
    "odoo-staging-tenants-0a1b2c3d": "312.5MiB / 1GiB",
    "odoo-staging-tenants-postgres": "1.5GiB / 2GiB",
    "odoo-staging-admin-0a1b2c3d": "100MiB / 640MiB",
    "odoo-staging-admin-postgres": "900KiB / 256MiB",
}


def test_the_containers_that_count_are_read_in_mib() -> None:
    assert tenants.used(STATS) == {"tenants": 312.5, "tenants-postgres": 1536.0}


def test_a_container_that_is_not_there_is_an_error() -> None:
    with pytest.raises(ValueError, match="not enough values"):
        tenants.used({name: said for name, said in STATS.items() if "tenants" not in name})
