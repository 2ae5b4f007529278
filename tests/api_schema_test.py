#!/usr/bin/env python3
"""What a program makes up from docs/api/openapi.yaml, asked of a real service by schemathesis: requests that the document
allows and such that it does not. No answer is a server error, each is one that the document tells, in its type, with its
headers, by its schema, and what the document does not allow is refused.

TIDEMARK_API_SECONDS is how long it makes up more (`make soak` sets it), default 60; TIDEMARK_API_SEED what from. The
program is $TIDEMARK_BINARY, default build/dev/tidemark.
"""

import os
import pathlib
import subprocess
import sys
import unittest

from support.api_client import ServedApi

ROOT = pathlib.Path(__file__).resolve().parent.parent
PACKAGES = ROOT / ".deps/schemathesis"
SECONDS = int(os.environ.get("TIDEMARK_API_SECONDS", "60"))
SEED = os.environ.get("TIDEMARK_API_SEED", "1")

CHECKS = ["not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance",
          "response_schema_conformance", "negative_data_rejection", "unsupported_method"]
# What refuses what the document does not allow.
REFUSALS = """[checks]
negative_data_rejection.expected-statuses = [400, 401, 403, 404, 405, 406, 409, 412, 413, 415, 422, 428, 429, "5xx"]
"""
# A stream of events has no end to wait for; tests/api_served_test.py has it.
LEFT_OUT = ["get_run_events"]
RUN = "import sys; from schemathesis.cli import schemathesis; sys.exit(schemathesis())"


class SchemaTest(ServedApi):
    def setUp(self):
        super().setUp()
        for name in ("orders", "items"):
            self.job(name, "every: 1d\n")
        self.serve()
        self.ended(self.begin("/v1/jobs/orders/runs"))

    def test_answers_are_those_of_the_document(self):
        url = f"http://{self.host}:{self.port}"
        self.project.write("schemathesis.toml", REFUSALS)
        left_out = [word for name in LEFT_OUT for word in ("--exclude-operation-id", name)]
        done = subprocess.run(
            [sys.executable, "-c", RUN, "run", str(ROOT / "docs/api/openapi.yaml"), "--url", url,
             "-H", f"Authorization: Bearer {self.tokens['admin']}", "--checks", ",".join(CHECKS), *left_out,
             "--phases", "examples,coverage,fuzzing", "--max-time", str(SECONDS), "--seed", SEED,
             "--generation-database", "none", "--suppress-health-check", "all", "--continue-on-failure", "--no-shrink",
             "--no-color", "--warnings", "off", "--request-timeout", "60"],
            cwd=self.project.dir, env={**os.environ, "PYTHONPATH": str(PACKAGES), "PYTHONDONTWRITEBYTECODE": "1"},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=SECONDS + 600, check=False)
        # Bodies that are too long are told whole.
        told = "\n".join(line[:300] for line in done.stdout.splitlines())
        self.assertEqual(0, done.returncode, told[-20_000:])
        # It did ask.
        self.assertRegex(done.stdout, r"[0-9]{3,} generated")
        self.assertEqual(200, self.ask("GET", "/v1/me").status)


if __name__ == "__main__":
    unittest.main()
