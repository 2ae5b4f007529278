"""A collector of OpenTelemetry that takes traces over OTLP/HTTP as JSON, does what its test wants, and looks at each
document as strictly as the standard has it."""

import http.server
import json
import re
import threading
import time

from support.threaded_server import ThreadedServer

ATTRIBUTE_KINDS = {"stringValue": str, "intValue": str}
SPAN_KEYS = {"traceId", "spanId", "parentSpanId", "name", "kind", "startTimeUnixNano", "endTimeUnixNano", "attributes",
             "status", "links"}


def exactly(document, keys, optional=()):
    assert isinstance(document, dict) and set(keys) <= set(document) <= set(keys) | set(optional), document
    return document


def attributes_of(listed):
    found = {}
    for one in listed:
        exactly(one, ["key", "value"])
        (kind, value), = one["value"].items()
        assert isinstance(value, ATTRIBUTE_KINDS[kind]), one
        assert one["key"] not in found, f"{one['key']} stands twice"
        found[one["key"]] = int(value) if kind == "intValue" else value
    return found


class Span:
    def __init__(self, document, service):
        exactly(document, SPAN_KEYS - {"parentSpanId", "status", "links"}, ["parentSpanId", "status", "links"])
        assert re.fullmatch("[0-9a-f]{32}", document["traceId"]), document
        for key in ("spanId", "parentSpanId"):
            assert re.fullmatch("[0-9a-f]{16}", document.get(key, "0" * 16)), document
        for key in ("startTimeUnixNano", "endTimeUnixNano"):
            assert isinstance(document[key], str) and document[key].isdigit(), document
        assert document["kind"] == 1, document
        self.trace, self.id, self.parent = document["traceId"], document["spanId"], document.get("parentSpanId")
        self.name, self.service = document["name"], service
        self.begins, self.ends = int(document["startTimeUnixNano"]), int(document["endTimeUnixNano"])
        assert self.begins <= self.ends, document
        self.attributes = attributes_of(document["attributes"])
        self.error = None
        if "status" in document:
            assert exactly(document["status"], ["code", "message"])["code"] == 2, document
            self.error = document["status"]["message"]
        self.links = [exactly(link, ["traceId", "spanId"]) for link in document.get("links", [])]


def spans_of(body):
    """Those of one request; an AssertionError where it is none of OTLP."""
    spans = []
    for resource in exactly(json.loads(body), ["resourceSpans"])["resourceSpans"]:
        exactly(resource, ["resource", "scopeSpans"])
        service = attributes_of(exactly(resource["resource"], ["attributes"])["attributes"])
        for scope in resource["scopeSpans"]:
            exactly(exactly(scope, ["scope", "spans"])["scope"], ["name", "version"])
            spans += [Span(span, service) for span in scope["spans"]]
    return spans


class Collector(ThreadedServer):
    """Answers each request by the next of `answers`, and by the last one from then on: (status, headers, body), `hang`,
    or `nonsense`. `requests`: what came, as (headers, body, time)."""

    TAKEN = (200, {"content-type": "application/json"}, b"{}")

    def __init__(self, answers=(TAKEN,)):
        self.answers = list(answers)
        self.requests = []
        self._changed = threading.Condition()
        self._ends = threading.Event()
        collector = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                with collector._changed:
                    many = len(collector.answers) > 1
                    answer = collector.answers.pop(0) if many else collector.answers[0]
                    if self.path != "/v1/traces" or self.headers["content-type"] != "application/json":
                        answer = (404, {}, b"")
                    collector.requests.append((dict(self.headers), body, time.monotonic()))
                    collector._changed.notify_all()
                self.close_connection = True
                if answer == "hang":
                    collector._ends.wait()
                elif answer == "nonsense":
                    self.wfile.write(b"\0\1\2 what is this\r\n\r\n")
                else:
                    status, headers, content = answer
                    self.send_response(status)
                    for name, value in {**headers, "content-length": str(len(content))}.items():
                        self.send_header(name, value)
                    self.end_headers()
                    self.wfile.write(content)

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass  # of a client that was killed, or waits no longer

        super().__init__(Server, Handler)

    def __exit__(self, *_):
        self._ends.set()
        super().__exit__()

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self.port}"

    def wait_for(self, count, seconds=60):
        """The first requests, when so many came."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.requests) >= count, seconds):
                raise AssertionError(f"{len(self.requests)} requests came in {seconds} s, not {count}")
            return list(self.requests)

    def traces(self):
        """{trace: {span's id: Span}} of all that came; what came twice stands once."""
        traces = {}
        for _, body, _ in list(self.requests):
            for span in spans_of(body):
                traces.setdefault(span.trace, {})[span.id] = span
        return traces
