"""Servers that alerts are sent to, each of which does what its test wants."""

import contextlib
import http.server
import json
import threading
import time

from support.threaded_server import ThreadedServer


class Hook(ThreadedServer):
    """An HTTP server that answers each request by the next of `answers`, and by the last one from then on: a status,
    `hang`, or `close`. `requests`: what came, as (headers, document, path, time)."""

    def __init__(self, answers=(200,)):
        self.answers = list(answers)
        self.requests = []
        self._changed = threading.Condition()
        self._ends = threading.Event()
        hook = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                with hook._changed:
                    answer = hook.answers.pop(0) if len(hook.answers) > 1 else hook.answers[0]
                    hook.requests.append((dict(self.headers), body, self.path, time.monotonic()))
                    hook._changed.notify_all()
                if answer == "hang":
                    hook._ends.wait()
                elif answer != "close":
                    self.send_response(answer)
                    self.send_header("content-length", "0")
                    self.end_headers()
                self.close_connection = True

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass  # of a client that was killed

        super().__init__(Server, Handler)

    def __exit__(self, *_):
        self._ends.set()
        super().__exit__()

    def url(self, path="/"):
        return f"http://127.0.0.1:{self.port}{path}"

    def wait_for(self, count, seconds=40):
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.requests) >= count, seconds):
                raise AssertionError(f"{len(self.requests)} requests came in {seconds} s, not {count}")
            return list(self.requests)

    def documents(self):
        return [json.loads(body) for _, body, _, _ in self.requests]


@contextlib.contextmanager
def hooks(**answers):
    """Several, by name."""
    with contextlib.ExitStack() as stack:
        yield {name: stack.enter_context(Hook(one)) for name, one in answers.items()}
