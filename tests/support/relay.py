#!/usr/bin/python3
"""relay.py TO_PORT: a network between agents and a master on loopback that can be cut. Prints the port it listens at, forwards every
connection to TO_PORT, and closes all connections at SIGUSR1. Ends at SIGTERM, or when nothing can be listened at."""
import selectors
import signal
import socket
import sys

selector = selectors.DefaultSelector()
peer_of = {}


def close(side):
    other = peer_of.pop(side, None)
    peer_of.pop(other, None)
    for end in (side, other):
        if end is not None:
            selector.unregister(end)
            end.close()


def accept(listener):
    near, _ = listener.accept()
    try:
        far = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
    except OSError:  # no master now: the agent tries again
        near.close()
        return
    for side, other in ((near, far), (far, near)):
        peer_of[side] = other
        selector.register(side, selectors.EVENT_READ, forward)


def forward(side):
    try:
        data = side.recv(65536)
        if data:
            peer_of[side].sendall(data)
            return
    except OSError:
        pass
    close(side)


def cut(_signal, _frame):
    for side in list(peer_of):
        if side in peer_of:
            close(side)


listener = socket.create_server(("127.0.0.1", 0))
selector.register(listener, selectors.EVENT_READ, accept)
signal.signal(signal.SIGUSR1, cut)
print(listener.getsockname()[1], flush=True)
while True:
    for key, _ in selector.select(0.1):  # signals are handled between
        if key.fileobj is listener or key.fileobj in peer_of:
            key.data(key.fileobj)
