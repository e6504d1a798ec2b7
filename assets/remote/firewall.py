#!/usr/bin/python3 -B
"""Loads a packet filter on trial, and keeps it only if another connection can still come in.

`up` loads the rules and arms a timer that takes them back; `up` with `confirm` runs over a
connection of its own, stops the timer and keeps the rules for the next boot (homeport-nft.service).
"""

import sys
from pathlib import Path

from _homeport import Spec, fail, folder, main, make_directory, run, write_atomic


def up(spec: Spec) -> None:
    """Put the rules on trial, or confirm them."""
    if spec.get("confirm"):
        confirm(spec)
    elif kept(spec).is_file() and kept(spec).read_text() == spec["ruleset"]:
        run(["nft", "-f", str(kept(spec))])
        sys.stdout.write("unchanged\n")
    else:
        put_on_trial(spec)


def put_on_trial(spec: Spec) -> None:
    """Load the rules and arm the timer; the timer is armed first, so that nothing can go wrong."""
    make_directory(kept(spec).parent, mode=0o700)
    run(["nft", "--check", "-f", "-"], stdin=spec["ruleset"], cure="correct the rules")
    write_atomic(on_trial(spec), spec["ruleset"].encode(), mode=0o600)
    disarm(spec)
    seconds = str(spec["trial_seconds"])
    timer = ["systemd-run", f"--unit={unit(spec)}", f"--on-active={seconds}"]
    run([*timer, "--timer-property=AccuracySec=1s", "/bin/sh", "-c", take_back(spec)])
    run(["nft", "-f", str(on_trial(spec))])
    sys.stdout.write(f"on trial for {seconds} s\n")


def confirm(spec: Spec) -> None:
    """Keep the rules, since this connection came in under them."""
    if on_trial(spec).is_file() and on_trial(spec).read_text() == spec["ruleset"]:
        disarm(spec)
        on_trial(spec).replace(kept(spec))
    elif not kept(spec).is_file() or kept(spec).read_text() != spec["ruleset"]:
        fail(
            f"no connection came in under the new rules within {spec['trial_seconds']} s, so the "
            "host went back to the old ones",
            "",
            "let SSH in from where `pulumi up` runs (port and networks of the rules); to try the "
            "same rules again: pulumi up --target-replace <URN of the step that ends in -trial>",
        )
    sys.stdout.write("confirmed\n")


def down(spec: Spec) -> None:
    """Remove the filter, now and from the next boot."""
    disarm(spec)
    for path in (on_trial(spec), kept(spec)):
        path.unlink(missing_ok=True)
    run(["nft", "delete", "table", "inet", spec["table"]], check=False)


def kept(spec: Spec) -> Path:
    """Return the file that is loaded at boot."""
    return folder(spec) / "nft" / "filter.nft"


def on_trial(spec: Spec) -> Path:
    """Return where rules lie that nobody has confirmed; a boot does not load them."""
    return folder(spec) / "nft" / "filter.trial"


def unit(spec: Spec) -> str:
    """Return the name of the timer that takes the rules back."""
    return f"homeport-{spec['system']}-firewall-trial"


def take_back(spec: Spec) -> str:
    """Return the shell line that goes back to the rules before the trial."""
    old = (
        f"nft -f {kept(spec)}" if kept(spec).is_file() else f"nft delete table inet {spec['table']}"
    )
    return f"rm -f {on_trial(spec)}; {old}"


def disarm(spec: Spec) -> None:
    """Stop the timer, if there is one."""
    run(["systemctl", "stop", f"{unit(spec)}.timer"], check=False)


if __name__ == "__main__":
    main({"up": up, "down": down})
