"""This machine's address that is no loopback one, by which a server of a test is like one on another machine."""

import socket


def other_address():
    """Where packets for elsewhere would begin; None where this machine has only itself."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        try:
            asked.connect(("192.0.2.1", 9))
        except OSError:
            return None
        found = asked.getsockname()[0]
    return None if found.startswith("127.") else found


ADDRESS = other_address()
