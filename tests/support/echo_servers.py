"""Servers that take the secret they are given and say it again in every word they have: errors, headers, names.

`heard`: the secrets that came. Each is a real server as far as a client asks it before it is refused.
"""

import base64
import http.server
import json
import socketserver
import ssl
import struct
import subprocess
import urllib.parse

from support.threaded_server import ThreadedServer


def words_of(secret):
    """A sentence with the secret as it is, in quotes, in a URL, and in base64."""
    return (b"no login by etl://me:" + urllib.parse.quote_from_bytes(secret, safe="").encode() + b"@host with '"
            + secret.replace(b"'", b"''") + b"' (" + base64.b64encode(secret) + b")")


class EchoServer(ThreadedServer):
    """Over TCP; `serve(client)` plays one session, and ends when the client has gone."""

    def __init__(self, address="127.0.0.1"):
        self.heard = []
        outer = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                self.request.settimeout(30)
                try:
                    outer.serve(self.request)
                except (OSError, struct.error, EOFError):
                    pass

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True

        super().__init__(Server, Handler, address)


def read(client, size):
    data = b""
    while len(data) < size:
        piece = client.recv(size - len(data))
        if not piece:
            raise EOFError
        data += piece
    return data


class EchoPostgres(EchoServer):
    """Asks for the password as it is. `lets_in`: refuses the statements, not the session."""

    def __init__(self, lets_in=False):
        self.lets_in = lets_in
        super().__init__()

    def serve(self, client):
        size, code = struct.unpack("!II", read(client, 8))
        while code in (80877103, 80877104):  # TLS, GSS: neither is here
            client.sendall(b"N")
            size, code = struct.unpack("!II", read(client, 8))
        read(client, size - 8)
        client.sendall(b"R" + struct.pack("!II", 8, 3))
        _, size = struct.unpack("!cI", read(client, 5))
        secret = read(client, size - 4).rstrip(b"\0")
        self.heard.append(secret)
        words = words_of(secret)

        def refusal(severity, state):
            fields = (b"S" + severity + b"\0V" + severity + b"\0C" + state + b"\0M" + words + b"\0D" + words + b"\0H"
                      + words + b"\0\0")
            return b"E" + struct.pack("!I", len(fields) + 4) + fields

        if not self.lets_in:
            return client.sendall(refusal(b"FATAL", b"28P01"))
        ready = b"Z" + struct.pack("!I", 5) + b"I"
        version = b"server_version\00015.4\0"
        client.sendall(b"R" + struct.pack("!II", 8, 0) + b"S" + struct.pack("!I", len(version) + 4) + version
                       + b"K" + struct.pack("!III", 12, 1, 1) + ready)
        while True:
            kind, size = struct.unpack("!cI", read(client, 5))
            read(client, size - 4)
            if kind in (b"Q", b"S"):
                client.sendall(refusal(b"ERROR", b"42501") + ready)


class EchoMysql(EchoServer):
    """Asks for the password by `plugin`: `caching_sha2_password`, sealed with a key of its own, or
    `mysql_clear_password`, as it is. `folder`: where it may make its key. `wanted_file`: what it asks the client for
    instead of answering; `given` is what came."""

    CAPABILITIES = 0x1 | 0x2 | 0x4 | 0x8 | 0x200 | 0x2000 | 0x8000 | 0x80000 | 0x100000 | 0x200000
    NONCE = b"0123456789abcdefghij"

    def __init__(self, folder, plugin="caching_sha2_password", lets_in=False, wanted_file=None,
                 address="127.0.0.1"):
        self.plugin, self.lets_in = plugin.encode(), lets_in or wanted_file is not None
        self.wanted_file, self.given = wanted_file, []
        self.key = folder / "echo_mysql.pem"
        if not self.key.exists():
            subprocess.run(["openssl", "genrsa", "-out", self.key, "2048"], check=True, capture_output=True)
        self.public = subprocess.run(["openssl", "rsa", "-in", self.key, "-pubout"], check=True,
                                     capture_output=True).stdout
        super().__init__(address)

    def opened(self, sealed):
        plain = subprocess.run(["openssl", "pkeyutl", "-decrypt", "-inkey", self.key, "-pkeyopt",
                                "rsa_padding_mode:oaep"], input=sealed, check=True, capture_output=True).stdout
        return bytes(byte ^ self.NONCE[at % 20] for at, byte in enumerate(plain)).rstrip(b"\0")

    def serve(self, client):
        def send(number, data):
            client.sendall(struct.pack("<I", len(data))[:3] + bytes([number % 256]) + data)

        def receive():
            head = read(client, 4)
            return head[3], read(client, int.from_bytes(head[:3], "little"))

        low, high = struct.pack("<H", self.CAPABILITIES & 0xffff), struct.pack("<H", self.CAPABILITIES >> 16)
        send(0, b"\x0a8.0.36\0" + struct.pack("<I", 7) + self.NONCE[:8] + b"\0" + low + b"\x2d" + b"\x02\0" + high
             + bytes([21]) + b"\0" * 10 + self.NONCE[8:] + b"\0" + self.plugin + b"\0")
        number, _ = receive()
        if self.plugin == b"caching_sha2_password":
            send(number + 1, b"\x01\x04")
            number, asked = receive()
            secret = asked.rstrip(b"\0")  # from a client that takes the line for safe
            if asked == b"\x02":
                send(number + 1, b"\x01" + self.public)
                number, sealed = receive()
                secret = self.opened(sealed)
        else:
            send(number + 1, b"\xfe" + self.plugin + b"\0" + self.NONCE + b"\0")
            number, secret = receive()
            secret = secret.rstrip(b"\0")
        self.heard.append(secret)
        refusal = b"\xff" + struct.pack("<H", 1142 if self.lets_in else 1045) + b"#42000" + words_of(secret)
        if not self.lets_in:
            return send(number + 1, refusal)
        send(number + 1, b"\0\0\0\x02\0\0\0")
        while True:
            number, command = receive()
            if command[:1] == b"\x01":
                return None
            if self.wanted_file:
                send(number + 1, b"\xfb" + self.wanted_file.encode())
                number, piece = receive()
                self.given.append(piece)
            send(number + 1, refusal)


class EchoRedis(EchoServer):
    """`lets_in`: refuses what comes behind the password, not the password."""

    def __init__(self, lets_in=False):
        self.lets_in = lets_in
        super().__init__()

    def serve(self, client):
        lines = client.makefile("rb")
        secret = b""
        while line := lines.readline():
            words = []
            for _ in range(int(line[1:])):
                size = int(lines.readline()[1:])
                words.append(lines.read(size + 2)[:-2])
            if words[0].upper() == b"AUTH":
                secret = words[-1]
                self.heard.append(secret)
                if self.lets_in:
                    client.sendall(b"+OK\r\n")
                    continue
            client.sendall(b"-ERR " + words_of(secret) + b"\r\n")


class EchoMail(EchoServer):
    """With TLS by `certificate`, a PEM file with its key. `lets_in`: refuses the mail, not the user."""

    def __init__(self, certificate, lets_in=False):
        self.lets_in = lets_in
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate)
        super().__init__()

    def serve(self, client):
        with self.context.wrap_socket(client, server_side=True) as secure:
            lines = secure.makefile("rb")
            secure.sendall(b"220 mail\r\n")
            secret = b""
            while line := lines.readline():
                verb, *rest = line.decode().split()
                if verb in ("EHLO", "HELO"):
                    secure.sendall(b"250-mail\r\n250 AUTH PLAIN\r\n")
                elif verb == "AUTH":
                    if len(rest) < 2:
                        secure.sendall(b"334 \r\n")
                        rest.append(lines.readline().decode().strip())
                    secret = base64.b64decode(rest[1]).split(b"\0")[2]
                    self.heard.append(secret)
                    secure.sendall(b"235 in\r\n" if self.lets_in else b"535 " + words_of(secret) + b"\r\n")
                elif verb == "QUIT":
                    return secure.sendall(b"221 " + words_of(secret) + b"\r\n")
                else:
                    secure.sendall(b"550 " + words_of(secret) + b"\r\n")


class EchoHttp(ThreadedServer):
    """`secret_of(handler, body)`: what of a request is secret. Answers by the next of `answers`, and by the last one
    from then on: a status, `fields` (a Vault whose fields are named so), `line` (a broken status line) or `header` (a
    broken header)."""

    def __init__(self, secret_of, answers):
        self.heard = []
        self.answers = list(answers)
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def serve(self):
                body = self.rfile.read(int(self.headers["content-length"] or 0))
                secret = secret_of(self, body)
                outer.heard.append(secret)
                words = words_of(secret)
                answer = outer.answers.pop(0) if len(outer.answers) > 1 else outer.answers[0]
                self.close_connection = True
                if answer == "line":
                    return self.wfile.write(b"HTTP/1.1 " + words + b"\r\n\r\n")
                if answer == "header":
                    return self.wfile.write(b"HTTP/1.1 200 OK\r\n" + words + b"\r\n\r\n")
                content = b"{" + words
                if answer == "fields":
                    content = json.dumps({"data": {"data": {words.decode(): "x", secret.decode(): 1}, "metadata": {}},
                                          "errors": [words.decode()]}).encode()
                self.wfile.write(b"HTTP/1.1 %d " % (200 if answer == "fields" else answer) + words
                                 + b"\r\nlocation: https://elsewhere.example/" + base64.b64encode(secret)
                                 + b"\r\nx-error: " + words + b"\r\ncontent-length: %d\r\n\r\n" % len(content) + content)
                return None

            do_GET = do_POST = serve

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass

        super().__init__(Server, Handler)

    def url(self, path="/"):
        return f"http://127.0.0.1:{self.port}{path}"
