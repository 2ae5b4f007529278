#!/usr/bin/env python3
"""A TCP proxy in front of a PostgreSQL, or a MariaDB, of 127.0.0.1 that breaks connections where a test wants it.

    with FaultProxy(server.port) as proxy:      # proxy.port is what the program connects to
        proxy.arm("commit", nth=2, through=0)   # the second COMMIT never arrives
        ...
        proxy.fired                             # whether it happened

It reads the protocol as it passes, so it knows these places: `startup`, `query`, `copy_in` and `commit`, which the
client sends (a COMMIT by simple or extended query), `auth`, `copy_out` and `committed`, which the server answers. Of
the message at that place `through` bytes go on (negative: all but so many; None: all), then the fault:

    cut      both ends are closed
    reset    the same, by RST: what was under way may be lost
    swallow  nothing more goes that way; the connection stands until the proxy is closed
    lose     that message is left out, and all goes on

`sliced` sends every byte by itself, `delay` waits before each piece. No TLS: the servers of the tests have none.

As a program, `fault_proxy.py PORT FILE cut|swallow` writes its own port to FILE and does that to every COMMIT, in
turns before, in and after it, until its stdin ends.
"""

import contextlib
import dataclasses
import itertools
import os
import pathlib
import select
import socket
import struct
import sys
import threading
import time

STARTUP, SSL_REQUEST, GSS_REQUEST = 196608, 80877103, 80877104
TO_SERVER, TO_CLIENT = "to server", "to client"


@dataclasses.dataclass
class Fault:
    through: int | None = 0
    then: str = "cut"


class _Cut(Exception):
    pass


class _Link:
    """One connection: both sockets, and what is known of its protocol."""

    def __init__(self, proxy, client, server):
        self.proxy, self.client, self.server = proxy, client, server
        self.started = False      # the client's messages have a type
        self.one_byte = 0         # answers to requests for encryption, which have no type
        self.statements, self.portals = {}, {}
        self.planned = None       # for who chooses faults
        self.swallowed = set()

    # --- what a message is

    def _split(self, data, way):
        """(first message, rest), or (None, data) while it is not whole."""
        if way == TO_CLIENT and self.one_byte and data:
            self.one_byte -= 1
            return data[:1], data[1:]
        head = 0 if way == TO_SERVER and not self.started else 1
        if len(data) < head + 4:
            return None, data
        size = head + struct.unpack_from("!i", data, head)[0]
        return (data[:size], data[size:]) if len(data) >= size else (None, data)

    def _place(self, message, way):
        if way == TO_SERVER and not self.started:
            code = struct.unpack_from("!i", message, 4)[0]
            if code in (SSL_REQUEST, GSS_REQUEST):
                self.one_byte += 1
                return None
            self.started = True
            return "startup" if code == STARTUP else None
        kind, body = message[:1], message[5:]
        if way == TO_CLIENT:
            if kind == b"C":
                return "committed" if body == b"COMMIT\0" else None
            return {b"R": "auth", b"d": "copy_out"}.get(kind)
        if kind == b"d":
            return "copy_in"
        return self._statement(kind, body)

    def _statement(self, kind, body):
        names = body.split(b"\0")
        if kind == b"P":
            self.statements[names[0]] = names[1]
        elif kind == b"B":
            self.portals[names[0]] = self.statements.get(names[1], b"")
        sql = names[0] if kind == b"Q" else self.portals.get(names[0], b"") if kind == b"E" else None
        if sql is None:
            return None
        return "commit" if sql.strip().rstrip(b";").lower() == b"commit" else "query"

    # --- the way of the bytes

    def run(self):
        """Until one end closes, or a fault does; in a thread of its own."""
        ends = {self.client: (self.server, TO_SERVER), self.server: (self.client, TO_CLIENT)}
        waiting = {TO_SERVER: b"", TO_CLIENT: b""}
        try:
            while True:
                for source in select.select(list(ends), [], [])[0]:
                    sink, way = ends[source]
                    chunk = source.recv(1 << 16)
                    if not chunk:
                        return
                    if way not in self.swallowed:
                        waiting[way] = self._forward(sink, way, waiting[way] + chunk)
        except (OSError, ValueError, _Cut):
            pass  # an end is gone, which is what happens here
        finally:
            self.client.close()
            self.server.close()
            self.proxy.forget(self)

    def _forward(self, sink, way, data):
        """What is left: the beginning of a message."""
        while True:
            message, data = self._split(data, way)
            if message is None:
                return data
            place = self._place(message, way)
            fault = self.proxy.choose(self, place) if place else None
            self._send(sink, message[:fault.through] if fault else message)
            if fault and fault.then == "swallow":
                self.swallowed.add(way)
                return b""
            if fault and fault.then != "lose":
                self._cut(fault.then == "reset")

    def _send(self, sink, data):
        proxy = self.proxy
        for piece in ([data[at:at + 1] for at in range(len(data))] if proxy.sliced else [data]):
            if proxy.delay:
                time.sleep(proxy.delay)
            sink.sendall(piece)

    def _cut(self, reset):
        for end in (self.client, self.server):
            if reset:
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise _Cut

    def end(self):
        """From any thread."""
        for end in (self.client, self.server):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


class _MysqlLink(_Link):
    """The same of MySQL, without TLS: the places are `query`, `commit` and `committed`."""

    committing = False

    def _split(self, data, way):
        size = 4 + int.from_bytes(data[:3], "little") if len(data) >= 4 else len(data) + 1
        return (data[:size], data[size:]) if len(data) >= size else (None, data)

    def _place(self, message, way):
        if way == TO_CLIENT:
            was, self.committing = self.committing, False
            return "committed" if was else None
        # The first packet of a command, which is a query.
        if message[3] != 0 or message[4:5] != b"\3":
            return None
        self.committing = message[5:].strip().lower() == b"commit"
        return "commit" if self.committing else "query"


class FaultProxy:
    link = _Link

    def __init__(self, server_port):
        self.server_port = server_port
        self.sliced, self.delay = False, 0
        self._lock = threading.Lock()
        self._links = set()
        self._rule, self._seen = None, 0
        self.event = threading.Event()  # set when the armed fault happens
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def arm(self, place, nth=1, through=0, then="cut"):
        """One fault, at the `nth` message of this place from now on, of any connection."""
        with self._lock:
            self._rule, self._seen = (place, nth, Fault(through, then)), 0
            self.event.clear()

    @property
    def fired(self):
        return self.event.is_set()

    def disarm(self):
        with self._lock:
            self._rule = None

    def choose(self, link, place):
        """The fault at this message, or None. Called once for each message at a place."""
        with self._lock:
            if self._rule is None or self._rule[0] != place:
                return None
            self._seen += 1
            if self._seen != self._rule[1]:
                return None
            self.event.set()
            return self._rule[2]

    def cut_all(self):
        for link in list(self._links):
            link.end()

    def close(self):
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut_all()

    def forget(self, link):
        self._links.discard(link)

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                try:
                    server = socket.create_connection(("127.0.0.1", self.server_port))
                except OSError:
                    client.close()
                    continue
                for end in (client, server):
                    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                link = self.link(self, client, server)
                self._links.add(link)
                threading.Thread(target=link.run, daemon=True).start()


class MysqlFaultProxy(FaultProxy):
    link = _MysqlLink


class EachCommit(FaultProxy):
    """A fault at every COMMIT: the ways in turns."""

    def __init__(self, server_port, ways):
        self.ways = itertools.cycle(ways)
        super().__init__(server_port)

    def choose(self, link, place):
        if place == "commit":
            with self._lock:
                link.planned = next(self.ways)
        return link.planned[1] if link.planned and link.planned[0] == place else None


WAYS = {
    # It does not arrive, or it does, or its answer is on the way. By RST it may be either.
    "cut": [("commit", Fault(0)), ("committed", Fault(0)), ("commit", Fault(4)), ("commit", Fault(None)),
            ("commit", Fault(-1)), ("committed", Fault(-1)), ("commit", Fault(-2, "reset")),
            ("commit", Fault(None, "reset"))],
    "swallow": [("commit", Fault(0, "swallow")), ("committed", Fault(0, "swallow"))],
}


def main():
    port, file, ways = int(sys.argv[1]), pathlib.Path(sys.argv[2]), WAYS[sys.argv[3]]
    with EachCommit(port, ways) as proxy:
        written = file.with_suffix(".new")
        written.write_text(f"{proxy.port}\n")
        os.replace(written, file)
        while sys.stdin.buffer.read(1 << 16):
            pass


if __name__ == "__main__":
    main()
