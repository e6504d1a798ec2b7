"""What only the deployed state can tell."""

import pulumi
import pulumi_hcloud as hcloud
import pytest

from components.guards import meaning_of_move, never_smaller, refuse_shrinking
from tests.recorder import record


def sizes(before: object, after: object) -> pulumi.ResourceHookArgs:
    return pulumi.ResourceHookArgs(
        urn="urn:pulumi:staging::homeport::hcloud:index/volume:Volume::data",
        id="1",
        name="data",
        type="hcloud:index/volume:Volume",
        old_inputs={"size": before},
        new_inputs={"size": after},
    )


@pytest.mark.parametrize(("before", "after"), [(10, 10), (10, 20), (10.0, 11.0), (None, 5)])
def test_what_stays_or_grows_passes(before: object, after: object) -> None:
    refuse_shrinking(sizes(before, after), "size", key="server.volume_gib", unit="GiB")


def test_what_shrinks_is_refused_with_both_sizes_and_the_cure() -> None:
    with pytest.raises(ValueError, match=r"^server.volume_gib: is 20 GiB .*\(got 10\): set it to"):
        refuse_shrinking(sizes(20.0, 10.0), "size", key="server.volume_gib", unit="GiB")


def test_the_guard_watches_updates_of_its_resource() -> None:
    class Thing(pulumi.ComponentResource):
        def __init__(self) -> None:
            super().__init__("homeport:test:Thing", "it")
            hooks = never_smaller("data", "size", key="server.volume_gib", unit="GiB")
            opts = pulumi.ResourceOptions(parent=self, hooks=hooks)
            hcloud.Volume("data", size=10, opts=opts)
            self.register_outputs({})

    def program() -> None:
        Thing()

    assert record(program).one("Volume").options.hooks == ("before_update data-never-smaller",)


@pytest.mark.parametrize(("before", "after"), [(True, True), (True, False), (False, True)])
def test_a_protected_server_does_not_move_and_neither_does_one_just_freed(
    before: bool, after: bool
) -> None:
    old, new = ({"location": "fsn1", "protect": flag} for flag in (before, after))
    assert meaning_of_move(old, new) is None
    with pytest.raises(ValueError, match=r"^server.location: is fsn1 .*\(got nbg1\).*to false"):
        meaning_of_move(old, {**new, "location": "nbg1"})


def test_a_server_that_may_move_is_announced_to_be_deleted() -> None:
    old, new = ({"location": place, "protect": False} for place in ("fsn1", "nbg1"))
    assert "the one in fsn1 is deleted" in (meaning_of_move(old, new) or "")
