"""A head that is away for a while is waited for; one that stays away ends the run. Time is told."""

import socket

import pytest

from dni_actors.runtime.cluster import head
from dni_actors.runtime.cluster.head import LOOK_EVERY, LOST_AFTER, Head, HeadLostError


@pytest.fixture
def clock(monkeypatch):
    class Clock:
        now = 0.0

    monkeypatch.setattr(head.time, "monotonic", lambda: Clock.now)
    return Clock


def test_a_head_that_does_not_answer_for_long_is_lost(clock):
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        watched = Head(address)
        for _ in range(20):
            clock.now += LOOK_EVERY
            watched.check()
    seen = clock.now

    def until_lost():
        for _ in range(100):
            clock.now += LOOK_EVERY
            watched.check()

    with pytest.raises(HeadLostError, match=rf"the cluster's head at {address} has not answered for .* --resume goes"):
        until_lost()
    assert LOST_AFTER < clock.now - seen <= LOST_AFTER + LOOK_EVERY
    with pytest.raises(HeadLostError):
        watched.check()  # for good, without another look


def test_a_head_that_comes_back_in_time_is_not(clock):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    watched = Head(f"127.0.0.1:{port}")
    for _ in range(int(LOST_AFTER / LOOK_EVERY) - 1):
        clock.now += LOOK_EVERY
        watched.check()
    with socket.create_server(("127.0.0.1", port)):
        clock.now += LOOK_EVERY
        watched.check()
    for _ in range(int(LOST_AFTER / LOOK_EVERY) - 1):
        clock.now += LOOK_EVERY
        watched.check()


def test_a_raylet_that_has_ended_on_this_machine_is_named(clock, tmp_path):
    door = tmp_path / "raylet"
    with socket.create_server(("127.0.0.1", 0)) as server:
        with socket.socket(socket.AF_UNIX) as raylet:
            raylet.bind(str(door))
            raylet.listen()
            watched = Head(f"127.0.0.1:{server.getsockname()[1]}", str(door))
            clock.now += LOOK_EVERY
            watched.check()
        clock.now += LOOK_EVERY
        with pytest.raises(HeadLostError, match=r"^Ray's node on this machine has ended \(nobody listens .* --resume"):
            watched.check()
