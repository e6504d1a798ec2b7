"""The catalogue: what a preview refuses, and that the local cloud sells the same."""

import pytest

from components import hetzner_catalogue as catalogue
from homeport.cloud.api import catalogue as local


def test_the_local_cloud_sells_the_same_sizes_in_the_same_places() -> None:
    ours = {
        kind.name: (kind.cores, kind.memory_gib, kind.disk_gib, kind.locations, kind.architecture)
        for kind in catalogue.SERVER_TYPES.values()
    }
    theirs = {
        kind.name: (kind.cores, kind.memory, kind.disk, tuple(kind.locations), kind.architecture)
        for kind in local.SERVER_TYPES
    }
    assert ours == theirs


def test_the_local_cloud_has_the_same_locations() -> None:
    assert set(catalogue.LOCATIONS) == {place["name"] for place in local.LOCATIONS}


def test_every_image_of_the_local_cloud_is_supported() -> None:
    assert {image["name"] for image in local.IMAGES} <= set(catalogue.IMAGES)


def test_a_type_that_nobody_sells_is_refused_with_what_there_is() -> None:
    with pytest.raises(ValueError, match="server_type: there is no 'cx99'; there are cx23, "):
        catalogue.server_type("cx99")


def test_a_type_that_can_no_longer_be_ordered_still_runs() -> None:
    kind = catalogue.server_type("cx22")
    assert kind.deprecated
    catalogue.check_place(kind, "fsn1")


def test_a_place_that_does_not_exist_is_refused_with_what_there_is() -> None:
    with pytest.raises(ValueError, match="location: there is no 'fsn9'; there are fsn1, "):
        catalogue.check_place(catalogue.server_type("cx23"), "fsn9")


def test_a_type_that_is_not_sold_in_a_place_is_refused_with_where_it_is() -> None:
    with pytest.raises(ValueError, match="cx23 cannot be had in ash; it can be in fsn1, nbg1, "):
        catalogue.check_place(catalogue.server_type("cx23"), "ash")


def test_a_system_that_is_not_supported_is_refused() -> None:
    with pytest.raises(ValueError, match="image: 'fedora-42' is not supported; supported are deb"):
        catalogue.check_image("fedora-42")
