"""zmtp: ZeroMQ's protocol (ZMTP 3.0, NULL) byte by byte, for peers that libzmq would not be; and as much of protobuf as answers need."""
import socket
import struct

GREETING = b"\xff" + bytes(8) + b"\x7f" + b"\x03\x00" + b"NULL".ljust(20, b"\0") + b"\0" + bytes(31)
MORE, LONG, COMMAND = 1, 2, 4
WIRE_VERSION_FIELD = 1
REFUSE_FIELD = 13  # of Frame
NOT_REGISTERED = 4


def frame(body, flags=0):
    """One ZMTP frame."""
    if len(body) > 255:
        return struct.pack(">BQ", flags | LONG, len(body)) + body
    return struct.pack(">BB", flags, len(body)) + body


def command(name, body=b""):
    return frame(bytes([len(name)]) + name + body, COMMAND)


def property_of(name, value):
    return bytes([len(name)]) + name + struct.pack(">I", len(value)) + value


READY = command(b"READY", property_of(b"Socket-Type", b"DEALER") + property_of(b"Identity", b""))


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def fields(data):
    """The fields of a protobuf message that a master wrote, as (number, value)."""
    at = 0
    while at < len(data):
        tag, at = varint(data, at)
        if tag & 7 == 0:
            value, at = varint(data, at)
        elif tag & 7 == 1:
            value, at = data[at : at + 8], at + 8
        else:
            size, at = varint(data, at)
            value, at = data[at : at + size], at + size
        yield tag >> 3, value


def refusal(message):
    """(code, sentence) of a Refuse; None for any other message."""
    body = dict(fields(message)).get(REFUSE_FIELD)
    if body is None:
        return None
    inside = dict(fields(body))
    return inside.get(1, 0), inside.get(2, b"").decode()


def open_socket(address, timeout=60):
    """tcp://127.0.0.1:PORT or ipc://PATH. Closing it resets the connection: nothing is left waiting."""
    if address.startswith("ipc://"):
        sock = socket.socket(socket.AF_UNIX)
        target = address[6:]
    else:
        sock = socket.socket(socket.AF_INET)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        target = ("127.0.0.1", int(address.rsplit(":", 1)[1]))
    sock.settimeout(timeout)
    sock.connect(target)
    return sock


class Client:
    """A peer that has shaken hands."""

    def __init__(self, address, timeout=60):
        self.sock = open_socket(address, timeout)
        self.data = b""
        self.sock.sendall(GREETING)
        self._need(64)
        self.data = self.data[64:]
        self.sock.sendall(READY)
        while self._frame()[0] & COMMAND == 0:
            pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def _need(self, size):
        while len(self.data) < size:
            more = self.sock.recv(65536)
            if not more:
                raise ConnectionError("closed by the master")
            self.data += more

    def _frame(self):
        self._need(2)
        flags = self.data[0]
        head = 9 if flags & LONG else 2
        self._need(head)
        size = struct.unpack(">Q", self.data[1:9])[0] if flags & LONG else self.data[1]
        self._need(head + size)
        body, self.data = self.data[head : head + size], self.data[head + size :]
        return flags, body

    def send(self, *messages):
        self.sock.sendall(b"".join(frame(message) for message in messages))

    def receive(self):
        """The next message; pings are answered on the way."""
        while True:
            flags, body = self._frame()
            if flags & COMMAND == 0:
                return body
            if body.startswith(b"\x04PING"):
                self.sock.sendall(command(b"PONG", body[7:]))
