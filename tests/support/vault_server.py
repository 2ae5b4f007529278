"""A server that answers as HashiCorp Vault does, as far as Tidemark asks it: KV version 2."""

import http.server
import json

from support.threaded_server import ThreadedServer


class VaultServer(ThreadedServer):
    """`secrets` is {path: {field: value}} of the engine `kv`; `token` is the only one that may read."""

    def __init__(self, token):
        self.token = token
        self.secrets = {}
        self.sealed = False
        self.asked = []  # (path, token)
        vault = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                vault.asked.append((self.path, self.headers["X-Vault-Token"]))
                status, document = vault.answer(self.path, self.headers["X-Vault-Token"])
                body = json.dumps(document).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        super().__init__(http.server.ThreadingHTTPServer, Handler)
        self.address = f"http://127.0.0.1:{self.port}"

    def answer(self, path, token):
        if self.sealed:
            return 503, {"errors": ["Vault is sealed"]}
        if token != self.token:
            return 403, {"errors": [f"permission denied for {token}"]}
        fields = self.secrets.get(path.removeprefix("/v1/kv/data/"))
        if fields is None:
            return 404, {"errors": []}
        return 200, {"data": {"data": fields, "metadata": {"version": 1, "destroyed": False, "deletion_time": ""}}}
