from pathlib import Path

import pytest
from odoo_standin import filestore, modules
from odoo_standin.config import Config
from odoo_standin.modules import ModuleError

from homeport.paths import ROOT

ADDONS = ROOT / "systems/odoo/image/addons"


def addon(folder: Path, manifest: str) -> Config:
    (folder / "shop").mkdir()
    (folder / "shop/__manifest__.py").write_text(manifest)
    return Config(addons_path=(folder,))


def test_a_module_is_what_its_manifest_says() -> None:
    found = modules.find(Config(addons_path=(ADDONS,)), "tenant")
    assert (found.depends, found.post_init_hook) == (("base",), "post_init_hook")
    assert found.version == "17.0.1.1.0"


def test_a_module_that_no_folder_has_is_named() -> None:
    with pytest.raises(ModuleError, match="module shop: in no folder of addons_path"):
        modules.find(Config(addons_path=(ADDONS,)), "shop")


@pytest.mark.parametrize("manifest", ["{'depends': []}", "{", "print('run')", "['version']"])
def test_a_manifest_that_is_no_dictionary_with_a_version_is_refused(
    tmp_path: Path, manifest: str
) -> None:
    with pytest.raises(ModuleError, match=r"shop/__manifest__\.py"):
        modules.find(addon(tmp_path, manifest), "shop")


def test_migrations_run_from_the_installed_version_to_the_manifests(tmp_path: Path) -> None:
    config = addon(tmp_path, "{'version': '17.0.1.10.0'}")
    for version in ("17.0.1.2.0", "17.0.1.9.0", "17.0.1.10.0", "17.0.2.0.0"):
        (tmp_path / f"shop/migrations/{version}").mkdir(parents=True)
        (tmp_path / f"shop/migrations/{version}/post-it.py").touch()
    found = [path.parent.name for path in modules.find(config, "shop").migrations("17.0.1.2.0")]
    assert found == ["17.0.1.9.0", "17.0.1.10.0"]


def test_each_database_has_a_filestore_of_its_own(tmp_path: Path) -> None:
    config = Config(data_dir=tmp_path)
    name = filestore.put(config, "a_db", b"content")
    assert filestore.put(config, "a_db", b"content") == name
    assert filestore.get(config, "a_db", name) == b"content"
    with pytest.raises(FileNotFoundError):
        filestore.get(config, "b_db", name)
    assert [path.name for path in (tmp_path / "filestore/a_db" / name[:2]).iterdir()] == [name[3:]]
