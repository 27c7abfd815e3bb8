import pytest

from tests.transcript import CASES, FOLDER, transcript


@pytest.mark.parametrize("case", CASES)
def test_the_protocol_is_the_golden_one(case):
    golden = (FOLDER / f"{case}.txt").read_text(encoding="utf-8")
    assert transcript(case) == golden, "the protocol changed: if it should, run `make golden` and read the difference"
