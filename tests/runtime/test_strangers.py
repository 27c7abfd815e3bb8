"""Who may talk to a box over TCP: its right neighbour. Nobody else gets anything, or changes anything."""

import random
import socket
from contextlib import suppress

import numpy as np
import pytest
import zmq

from dni_actors.box.messages import Gradient
from dni_actors.config.run import RunConfig
from dni_actors.observe.events import Started
from dni_actors.observe.standing import Standing
from dni_actors.protocol.channel import Channel
from dni_actors.protocol.layout import layout
from dni_actors.protocol.post import Kind, Message
from dni_actors.runtime import started
from dni_actors.runtime.driver import actors
from dni_actors.runtime.driver.actors import Actors
from dni_actors.runtime.wires.frames import Frames
from tests.runtime.test_runtimes import finish

RUN = {"task": "rows", "boxes": 3, "hidden": 8, "batch": 100, "ticks": 150, "evaluate_every": 0}
SECRET = b"s" * 16


@pytest.fixture
def doors(monkeypatch):
    """Addresses and public keys of boxes that listen, as only the driver and the neighbours know them."""
    found = []
    monkeypatch.setattr(actors.secrets, "token_bytes", lambda size: b"s" * size)
    everyone = Actors._all

    def watched(self, calls, first=0):
        answers = everyone(self, calls, first)
        found.extend(answers)
        return answers

    monkeypatch.setattr(Actors, "_all", watched)

    def tell():
        addresses = [answer for answer in found if isinstance(answer, str) and answer.startswith("tcp:")]
        keys = [answer for answer in found if isinstance(answer, bytes)]
        return list(zip(addresses, keys[:-1], strict=True))

    return tell


def forged(config):
    """What a neighbour would say: it greets, asks, and sends a gradient of its own making."""
    frames = Frames(SECRET, layout(config))
    poison = np.full((config.rows, config.chain.hidden), 1e6, np.float32)
    messages = [
        Message(Kind.HELLO, Channel.STATE, 0),
        Message(Kind.ASK, Channel.STATE, 0),
        *(Message(Kind.DATA, Channel.GRADIENT, index, 0, Gradient(poison)) for index in range(100)),
    ]
    return [[bytes(part) for part in frames.encode(message, 0.0)] for message in messages]


def test_a_peer_without_the_key_gets_nothing_and_changes_nothing(ray_cluster, doors):
    """One that speaks no protocol, one that speaks ours in the clear, and one with a key of its own besides."""
    config = RunConfig.of(**RUN, wire_security="curve", compute_delay_ms="15")
    standing = Standing(config)
    with started(config) as running:
        events = running.run(config)
        for event in events:
            standing.take(event)
            if isinstance(event, Started):
                break
        assert len(doors()) == 2
        context, rng, peers = zmq.Context(), random.Random(0), []
        for address, key in doors():
            host, _, port = address.removeprefix("tcp://").rpartition(":")
            rude = socket.create_connection((host, int(port)), timeout=10)
            rude.sendall(rng.randbytes(4096))
            peers.append(rude)
            for keys in (None, zmq.curve_keypair()):
                peer = context.socket(zmq.DEALER)
                peer.linger = 0
                if keys is not None:
                    peer.curve_publickey, peer.curve_secretkey = keys
                    peer.curve_serverkey = key
                peer.connect(address)
                for frames in forged(config):
                    with suppress(zmq.Again):  # it has been refused already
                        peer.send_multipart(frames, zmq.NOBLOCK)
                peers.append(peer)
        for event in events:
            standing.take(event)
    assert standing.digest == finish(RunConfig.of(**RUN), "inline")[0].digest
    assert standing.messages.get("no message of this run", 0) == 0, "none of it came so far as to be read"
    for peer in peers:
        if isinstance(peer, zmq.Socket):
            assert not peer.poll(0)
            peer.close()
        else:
            peer.close()
    context.term()
