"""The last version in the old one's place, and what a run that was cut off left half-done."""

import _engineapi
import _wayback
from _homeport import Spec, run
from _successors import Settings, endpoint, first_network, successor
from _versions import container, image_settings, mark, say, well
from _wayback import DONE, OPEN, Journal


def recovered(spec: Spec) -> Journal:
    """Return the journal of an upgrade that is done; one that was cut off is undone or ended."""
    journal = _wayback.read(spec)
    phase = journal.get("phase")
    if phase == OPEN:
        say(spec, f"an upgrade was cut off when {journal['target']} was opened: going on")
        # People may have worked with it: there is no way back that would not lose that.
        if not _wayback.opened(spec):
            publish(spec, journal)
        run(["docker", "start", spec["container"]])
        well(spec, spec["container"], journal["target"], spec["timeout_seconds"])
        _wayback.write(spec, journal, phase=DONE)
    elif phase and phase != DONE:
        say(spec, f"an upgrade to {journal['target']} was cut off while {phase}")
        _wayback.go_back(spec, journal)
        return {}
    return journal


def publish(spec: Spec, journal: Journal) -> None:
    """Start the last version in the place of the old container: its name, ports and networks."""
    _wayback.drop_new(spec, journal["old"])
    old = container(journal["old"])
    body = successor(
        old,
        image_settings(old["Image"]),
        journal["image"],
        upgrade=mark(spec),
        environment=journal["environment"],
    )
    body["HostConfig"]["RestartPolicy"] = journal["policy"]
    _engineapi.create(spec["container"], body)
    join(spec["container"], old, named=True)
    run(["docker", "start", spec["container"]])


def join(name: str, old: Settings, *, named: bool) -> None:
    """Connect a container to the other networks of the old one."""
    first = first_network(old)
    for network in old["NetworkSettings"]["Networks"] or {}:
        if network in (first, "bridge"):
            continue
        about = endpoint(old, network)
        words = [f"--alias={each}" for each in about.get("Aliases", [])]
        address = about.get("IPAMConfig", {}).get("IPv4Address")
        words += [f"--ip={address}"] if address else []
        run(["docker", "network", "connect", *(words if named else []), network, name])
