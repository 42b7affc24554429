"""relay: a network in this process, between peers and a master on the loopback, byte by byte: it delays, stands still with its connections
open, resets them in the middle of a frame, closes half of them, and damages bytes. One thread; its wishes are plain attributes and calls."""
import collections
import selectors
import socket
import struct
import threading
import time

ROOM_BYTES = 1 << 20  # on its way in one direction; more waits in the kernel, as in a network


class Way:
    """One direction of a connection."""

    def __init__(self, source, sink):
        self.source, self.sink, self.due, self.bytes = source, sink, collections.deque(), 0
        self.wish, self.ended, self.heard_out = None, False, False


class Relay(threading.Thread):
    def __init__(self, to_port, chance):
        super().__init__(daemon=True)
        self.to_port, self.chance = to_port, chance
        self.delay_s, self.still, self.leaving = 0.0, False, False
        self.lock = threading.Lock()
        self.selector = selectors.DefaultSelector()
        self.ways, self.done = {}, collections.Counter()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.setblocking(False)
        self.port = self.listener.getsockname()[1]
        self.selector.register(self.listener, selectors.EVENT_READ)
        self.start()

    # --- what can be wished for; each returns at once

    def wish(self, what):
        """`reset`, `half-close` or `damage`: on the next bytes of some connection. False when there is none."""
        with self.lock:
            ways = [way for way in self.ways.values() if way.wish is None and not way.ended]
            if ways:
                self.chance.choice(ways).wish = what
            return bool(ways)

    def close(self):
        self.leaving = True
        self.join()

    # --- the thread

    def run(self):
        while not self.leaving:
            events = self.selector.select(0.002)
            with self.lock:
                if self.still:
                    time.sleep(0.002)
                    continue
                for key, _ in events:
                    if key.fileobj is self.listener:
                        self.accept()
                    elif key.fileobj in self.ways:
                        self.receive(self.ways[key.fileobj])
                for way in list(self.ways.values()):
                    self.send(way)
        for way in list(self.ways.values()):
            way.source.close()
        self.listener.close()

    def accept(self):
        near, _ = self.listener.accept()
        try:
            far = socket.create_connection(("127.0.0.1", self.to_port))
        except OSError:  # no master now: the peer tries again
            near.close()
            return
        for source, sink in ((near, far), (far, near)):
            source.setblocking(False)
            source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.ways[source] = Way(source, sink)
            self.selector.register(source, selectors.EVENT_READ)

    def end(self, way, reset):
        """Both directions."""
        for side in (way.source, way.sink):
            if side in self.ways:
                if not self.ways.pop(side).heard_out:
                    self.selector.unregister(side)
                if reset:
                    side.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                side.close()

    def receive(self, way):
        if way.bytes >= ROOM_BYTES:
            return
        try:
            data = way.source.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:  # what was sent before still arrives
            way.heard_out = True
            self.selector.unregister(way.source)
            return
        if way.ended:
            return
        way.bytes += len(data)
        way.due.append((time.monotonic() + self.delay_s, data))

    def send(self, way):
        while way.due and way.due[0][0] <= time.monotonic() and way.source in self.ways:
            _, data = way.due.popleft()
            way.bytes -= len(data)
            data = self.grant(way, data)
            if data is None:
                return
            try:
                sent = way.sink.send(data)
            except BlockingIOError:
                sent = 0
            except OSError:
                self.end(way, False)
                return
            if sent < len(data):
                way.due.appendleft((0, data[sent:]))
                way.bytes += len(data) - sent
                return
        if way.heard_out and not way.due and way.source in self.ways:
            self.end(way, False)

    def grant(self, way, data):
        """Carries out what was wished for this direction; None when nothing is left to be sent."""
        wish, way.wish = way.wish, None
        if wish is None:
            return data
        self.done[wish] += 1
        if wish == "damage":
            place = self.chance.randrange(len(data))
            return data[:place] + bytes([data[place] ^ 1 << self.chance.randrange(8)]) + data[place + 1 :]
        try:
            way.sink.send(data[: len(data) // 2])
            if wish == "half-close":
                way.sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        if wish == "reset":
            self.end(way, True)
        way.ended = True
        return None
