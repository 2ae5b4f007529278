#!/usr/bin/env python3
"""What stands in deploy/ for those who operate Tidemark: alert rules, a dashboard, a unit of systemd, an image.

Needs promtool.
"""

import configparser
import json
import pathlib
import re
import shutil
import subprocess
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent
DEPLOY = ROOT / "deploy"
RULES = DEPLOY / "prometheus/alerts.yaml"
# What Prometheus has of itself about a target.
OF_PROMETHEUS = {"up"}
METRIC = re.compile(r"\b((?:tidemark|process)_[a-z_]+|up)(?=[{\s\[=<>)]|$)")


def declared():
    """The metrics of the service with their kinds."""
    source = (ROOT / "src/telemetry/service_metrics.cc").read_text(encoding="utf-8")
    return dict(re.findall(r'\{"([a-z_]+)",\s*(counter|gauge|histogram),', source))


def promtool(*arguments):
    done = subprocess.run(["promtool", *arguments], cwd=RULES.parent, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


class Metrics(unittest.TestCase):
    def names_in(self, expression):
        return {name for name in METRIC.findall(expression)} - OF_PROMETHEUS

    def assert_told(self, expression):
        kinds = declared()
        self.assertGreater(len(kinds), 20)
        for name in self.names_in(expression):
            base = re.sub(r"_(bucket|sum|count)$", "", name)
            told = name in kinds or kinds.get(base) == "histogram"
            self.assertTrue(told, f"the service tells no metric {name}: {expression}")


class Alerts(Metrics):
    def test_the_rules_are_sound_and_come_when_they_should(self):
        for arguments in (("check", "rules", "alerts.yaml"), ("test", "rules", "alerts_test.yaml")):
            code, output = promtool(*arguments)
            self.assertEqual(0, code, output)

    def test_each_alert_is_tested_and_has_a_runbook(self):
        rules = RULES.read_text(encoding="utf-8")
        tests = (RULES.parent / "alerts_test.yaml").read_text(encoding="utf-8")
        alerts = re.findall(r"- alert: (\w+)", rules)
        self.assertGreaterEqual(len(alerts), 15)
        for alert in alerts:
            self.assertRegex(tests, rf"alertname: {alert}\n +exp_alerts:\n", f"no test lets {alert} come")
        runbooks = re.findall(r"runbook: (\S+)", rules)
        self.assertEqual(len(alerts), len(runbooks))
        pages = (ROOT / "docs/runbooks/README.md").read_text(encoding="utf-8")
        for page in runbooks:
            self.assertTrue((ROOT / "docs/runbooks" / page).is_file(), f"docs/runbooks/{page} is not there")
        for alert in alerts:
            self.assertIn(f"`{alert}`", pages)

    def test_they_ask_for_metrics_that_are_told(self):
        rules = RULES.read_text(encoding="utf-8")
        for expression in re.findall(r"expr: (\|\n(?: {10,}.*\n)+|.*)", rules):
            self.assertTrue(METRIC.search(expression), expression)
            self.assert_told(expression)


class Dashboard(Metrics):
    def test_it_shows_metrics_that_are_told(self):
        board = json.loads((DEPLOY / "grafana/tidemark.json").read_text(encoding="utf-8"))
        self.assertGreaterEqual(len(board["panels"]), 12)
        places = set()
        for panel in board["panels"]:
            self.assertTrue(panel["targets"], panel["title"])
            places.add((panel["gridPos"]["x"], panel["gridPos"]["y"]))
            for target in panel["targets"]:
                self.assert_told(target["expr"])
        self.assertEqual(len(board["panels"]), len(places), "no panel lies upon another")

    def test_its_expressions_can_be_read(self):
        board = json.loads((DEPLOY / "grafana/tidemark.json").read_text(encoding="utf-8"))
        for panel in board["panels"]:
            for target in panel["targets"]:
                expression = target["expr"].replace("$__rate_interval", "5m")
                rule = json.dumps({"groups": [{"name": "g", "rules": [{"record": "r", "expr": expression}]}]})
                done = subprocess.run(["promtool", "check", "rules", "/dev/stdin"], input=rule, capture_output=True,
                                      text=True)
                self.assertEqual(0, done.returncode, f"{expression}: {done.stderr}")


class Service(unittest.TestCase):
    def test_the_unit_can_be_read(self):
        unit = configparser.RawConfigParser(strict=False)
        unit.optionxform = str
        unit.read(DEPLOY / "systemd/tidemark.service")
        self.assertEqual({"Unit", "Service", "Install"}, set(unit.sections()))
        drain = int(re.search(r"--drain (\d+)s", unit["Service"]["ExecStart"]).group(1))
        self.assertGreater(int(unit["Service"]["TimeoutStopSec"]), drain, "it is not killed while it drains")
        if shutil.which("systemd-analyze"):
            done = subprocess.run(["systemd-analyze", "verify", DEPLOY / "systemd/tidemark.service"],
                                  capture_output=True, text=True)
            # The program is not installed here, which is all that may be wrong.
            wrong = [line for line in done.stderr.splitlines()
                     if "tidemark.service" in line and "not executable" not in line]
            self.assertEqual([], wrong)

    def test_the_image_has_the_libraries_that_the_program_is_built_with(self):
        build = (ROOT / "deps.toml").read_text(encoding="utf-8")
        image = (DEPLOY / "container/Containerfile").read_text(encoding="utf-8")
        for package, library in (("libpq-dev", "libpq5"), ("libmariadb-dev", "libmariadb3"), ("libfmt-dev", "libfmt9"),
                                 ("libyaml-cpp-dev", "libyaml-cpp0.7"), ("libssl-dev", "libssl3"),
                                 ("libabsl-dev", "libabsl20220623"), ("libzstd-dev", "libzstd1"),
                                 ("libxxhash-dev", "libxxhash0"), ("libsodium-dev", "libsodium23"),
                                 ("libhiredis-dev", "libhiredis0.14"), ("libcurl4-openssl-dev", "libcurl4"),
                                 ("prometheus-cpp-dev", "libprometheus-cpp-core1.0")):
            self.assertEqual(f'"{package}"' in build, library in image, f"{package} and {library}")


if __name__ == "__main__":
    unittest.main()
