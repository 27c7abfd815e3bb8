import pytest

from dni_actors.box.errors import BoxError
from dni_actors.box.report import Place
from dni_actors.runtime.actors import check_versions
from dni_actors.runtime.wires.frames import VERSION


def test_a_box_of_another_version_is_named_with_its_address_and_the_remedy():
    places = [Place(k, 100 + k, "node", f"10.0.0.{k}", "blas") for k in range(3)]
    check_versions([(place, VERSION) for place in places])
    told = rf"box 1, tick 0: on 10\.0\.0\.1 it speaks version {VERSION + 1} .* the driver {VERSION}; install the same"
    with pytest.raises(BoxError, match=told):
        check_versions([(places[0], VERSION), (places[1], VERSION + 1), (places[2], VERSION)])
