import pytest

from tests.transcript import FOLDER, UPDATES, transcript


@pytest.mark.parametrize("update", UPDATES)
def test_the_protocol_is_the_golden_one(update):
    golden = (FOLDER / f"{update}.txt").read_text(encoding="utf-8")
    assert transcript(update) == golden, "the protocol changed: if it should, run `make golden` and read the difference"
