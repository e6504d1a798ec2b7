"""The baseline: what every machine gets, and what the vendor takes on the first boot."""

import json
import subprocess
from pathlib import Path

import pytest
import yaml

from components import baseline, keys

SEED = bytes(range(32))
SSHD = Path("/usr/sbin/sshd")


def config(**more: object) -> str:
    values: dict[str, object] = {
        "image": "debian-12",
        "host_private_key": keys.private_key(SEED, "host"),
        "host_public_key": keys.public_line(SEED, "host"),
        "authorized_keys": [keys.public_line(SEED, "login")],
        "extra_packages": (),
        "swap_mib": 1024,
        **more,
    }
    return baseline.cloud_config(**values)  # type: ignore[arg-type] # checked by every test


def test_user_data_is_cloud_config_and_small() -> None:
    text = config()
    assert text.startswith("#cloud-config\n")
    assert len(text) < 12_000


def test_user_data_survives_its_way_through_yaml() -> None:
    parsed = yaml.safe_load(config())
    assert parsed["ssh_keys"]["ed25519_private"] == keys.private_key(SEED, "host")
    written = {file["path"]: file["content"] for file in parsed["write_files"]}
    for file in baseline.baseline_files(key_login_only=True, swap_mib=1024, made=True):
        assert written[file.path] == file.content


def test_too_much_for_the_first_boot_is_refused_with_sizes_and_cure() -> None:
    many = [keys.public_line(SEED, "x" * 100)] * 200
    with pytest.raises(ValueError, match=r"user data has \d+ bytes, the vendor takes 32768; leave"):
        config(authorized_keys=many)


@pytest.mark.parametrize(
    ("image", "has_cli"), [("debian-12", False), ("debian-13", True), ("ubuntu-24.04", False)]
)
def test_the_first_boot_installs_only_names_that_the_archive_has(image: str, has_cli: bool) -> None:
    names = baseline.packages_at_boot(image, ["caddy"])
    assert ("docker-cli" in names) is has_cli
    assert not [name for name in names if "?" in name or "|" in name]
    assert {"docker.io", "nftables", "unattended-upgrades", "caddy"} <= set(names)


def test_a_package_is_named_once_even_when_the_program_adds_it_too() -> None:
    names = baseline.packages(["nftables", "caddy"])
    assert names.count("nftables") == 1
    assert names[-1] == "caddy"


def test_logins_are_only_hardened_where_the_program_says_so() -> None:
    soft = {file.path for file in baseline.baseline_files(key_login_only=False, swap_mib=0)}
    hard = {file.path for file in baseline.baseline_files(key_login_only=True, swap_mib=0)}
    assert hard - soft == {"/etc/ssh/sshd_config.d/01-homeport-login.conf"}


def test_docker_keeps_containers_running_and_logs_small() -> None:
    settings = json.loads(baseline.asset("daemon.json"))
    assert settings["live-restore"] is True
    assert settings["log-opts"] == {"max-file": "3", "max-size": "10m"}


def test_docker_has_room_for_hundreds_of_networks_where_nobody_else_chose_addresses() -> None:
    settings = {}
    for made in (False, True):
        files = baseline.baseline_files(key_login_only=True, swap_mib=0, made=made)
        (file,) = [each for each in files if each.path == "/etc/docker/daemon.json"]
        settings[made] = json.loads(str(file.content))
    (pool,) = settings[True].pop("default-address-pools")
    assert settings[True] == settings[False]
    assert 2 ** (pool["size"] - int(pool["base"].partition("/")[2])) > 1000


def test_what_restarts_containers_is_left_out_of_unattended_upgrades() -> None:
    text = baseline.asset("apt.conf")
    assert 'Package-Blacklist { "^docker"; "^containerd"; "^runc"; };' in text
    assert 'Automatic-Reboot "false"' in text


def test_a_placeholder_that_nobody_fills_is_an_error() -> None:
    with pytest.raises(KeyError):
        baseline.asset("homeport-swap.service", other=1)


def test_swap_is_a_unit_only_where_there_is_some() -> None:
    assert baseline.units(0) == ["homeport-nft.service"]
    assert baseline.units(512) == ["homeport-nft.service", "homeport-swap.service"]


def test_where_no_rule_may_be_written_links_switch_and_nothing_of_nftables_is_put() -> None:
    files = baseline.baseline_files(key_login_only=False, swap_mib=0, nftables=False)
    units = {Path(file.path).name for file in files if "/systemd/system/" in file.path}
    assert units == {
        f"homeport-{of}@.{kind}" for of in ("stable", "release") for kind in ("socket", "service")
    }
    assert not [file for file in files if "nft" in file.path or "nft" in str(file.content)]
    assert "nftables" not in baseline.packages([], nftables=False)
    assert baseline.units(512, nftables=False) == ["homeport-swap.service"]


@pytest.mark.skipif(not SSHD.exists(), reason="needs sshd (package openssh-server)")
def test_sshd_accepts_its_settings(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text(keys.private_key(SEED, "host"))
    key.chmod(0o600)
    text = baseline.asset("sshd.conf") + baseline.asset("sshd-login.conf")
    (tmp_path / "sshd.conf").write_text(f"HostKey {key}\n{text}")
    ended = subprocess.run(
        [SSHD, "-t", "-f", tmp_path / "sshd.conf"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Bad configuration" not in ended.stderr
    assert "Deprecated" not in ended.stderr


def test_every_change_of_sshd_is_checked_before_it_is_loaded() -> None:
    for file in baseline.baseline_files(key_login_only=True, swap_mib=0):
        if file.path.startswith("/etc/ssh/"):
            assert [list(argv) for argv in file.then] == [
                ["sshd", "-t"],
                ["systemctl", "try-reload-or-restart", "ssh.service"],
            ]
