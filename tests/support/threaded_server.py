"""A server of socketserver's kind on a free port, in a thread of its own until its context ends."""

import threading


class ThreadedServer:
    def __init__(self, kind, handler, address="127.0.0.1"):
        self.server = kind((address, 0), handler)
        self.port = self.server.server_address[1]
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()
