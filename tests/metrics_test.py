#!/usr/bin/env python3
"""`GET /metrics` of a real service: what Prometheus would read, and whether it is so.

The program is $TIDEMARK_BINARY, default build/dev/tidemark. Needs promtool.
"""

import re
import subprocess
import time
import unittest

from support.api_client import ServedApi
from support.project import PROJECT_YAML
from support.temporary_postgres import TemporaryPostgres

COPY = """\
from: {connection: shop, table: items, watermark: changed_at}
to: {connection: warehouse, table: items, load: upsert, key: [id]}
"""


class Metrics(ServedApi):
    def metrics(self):
        answer = self.ask("GET", "/metrics", "viewer")
        self.assertEqual(200, answer.status, answer.body)
        self.assertTrue(answer.headers["Content-Type"].startswith("text/plain; version=0.0.4"))
        done = subprocess.run(["promtool", "check", "metrics"], input=answer.body, capture_output=True)
        self.assertEqual((0, b""), (done.returncode, done.stderr), answer.body.decode())
        told = {}
        for line in answer.body.decode().splitlines():
            if not line.startswith("#"):
                series, value = line.rsplit(" ", 1)
                told[series] = float(value)
        return told

    def test_runs_and_their_rows_are_counted_whoever_began_them(self):
        self.job("orders", "rules: {small: id < 2}\n")
        self.serve()
        self.assertEqual(0, self.metrics()['tidemark_runs_total{etl_job="orders",status="failed"}'],
                         "the first one that fails is seen as one more")
        self.ended(self.begin("/v1/jobs/orders/runs"))
        self.assertEqual(0, self.project.call("run", "orders").code)
        told = self.metrics()
        of_job = '{etl_job="orders"}'
        self.assertEqual(1, told['tidemark_runs_total{etl_job="orders",status="success"}'])
        self.assertEqual(1, told['tidemark_runs_total{etl_job="orders",status="skipped"}'], "the one by hand")
        self.assertEqual((2, 1, 1), tuple(told[f"tidemark_run_rows_{what}_total{of_job}"]
                                          for what in ("read", "loaded", "rejected")))
        self.assertGreater(told[f"tidemark_run_staged_bytes_total{of_job}"], 0)
        self.assertNotIn(f"tidemark_job_last_success_timestamp_seconds{of_job}", told, "nothing says when it is to run")
        for step in ("plan", "extract", "load"):
            self.assertGreaterEqual(told[f'tidemark_run_step_seconds_count{{step="{step}"}}'], 1)
        self.assertGreater(told['tidemark_store_seconds_count{what="write"}'], 2)
        self.assertEqual(1, told["tidemark_store_answers"])
        for volume in ("spill", "stage", "store"):
            self.assertGreater(told[f'tidemark_volume_size_bytes{{volume="{volume}"}}'],
                               told[f'tidemark_volume_free_bytes{{volume="{volume}"}}'])
        self.assertGreater(told["process_cpu_seconds_total"], 0)
        self.assertEqual(0, told['tidemark_connection_sessions{connection="warehouse"}'])

    def test_the_lag_is_that_of_the_data(self):
        server = self.enterContext(TemporaryPostgres())
        server.sql("create table items (id integer primary key, changed_at timestamptz not null)")
        server.sql("insert into items values (1, now() - interval '1 hour'), (2, now())")
        self.project.write("tidemark.yaml", PROJECT_YAML.replace("sqlite: shop.db",
                           f"postgres: 'host=127.0.0.1 port={server.port} dbname=postgres user=postgres'"))
        self.project.job("items", COPY)
        self.serve()
        done = self.ended(self.begin("/v1/jobs/items/runs"))
        self.assertEqual("done", done["state"], done)
        lag = [value for series, value in self.metrics().items() if series.startswith("tidemark_job_data_lag_seconds")]
        self.assertEqual(1, len(lag))
        self.assertTrue(0 <= lag[0] < 120, lag)
        # The newest row grows old, and nothing new comes.
        time.sleep(2)
        again = self.metrics()['tidemark_job_data_lag_seconds{etl_job="items"}']
        self.assertGreaterEqual(again, lag[0] + 2)

    def test_what_is_left_of_a_promise_is_told(self):
        self.job("orders", "slo: {duration: 1h, freshness: 1h, objective: 90%}\n")
        self.job("broken", "rules: {wrong: cast(id as integer) / 0 > 1}\nquarantine: {stop_above: 1%}\n"
                           "slo: {duration: 1ms, objective: 50%}\n")
        self.job("silent")
        self.assertEqual(0, self.project.call("run", "orders").code)
        self.project.call("run", "broken")
        self.serve()
        deadline = time.monotonic() + 60
        while True:
            told = {series: value for series, value in self.metrics().items() if series.startswith("tidemark_slo_")}
            if told or time.monotonic() > deadline:
                break
            time.sleep(0.2)
        self.assertEqual({f'tidemark_slo_burn_rate{{etl_job="{job}",slo="{slo}",window="{window}"}}': burn
                          for job, slo, burn in (("orders", "duration", 0), ("orders", "freshness", 0),
                                                 ("broken", "duration", 2)) for window in ("1h", "6h")} |
                         {'tidemark_slo_budget_left_ratio{etl_job="orders",slo="duration"}': 1,
                          'tidemark_slo_budget_left_ratio{etl_job="orders",slo="freshness"}': 1,
                          'tidemark_slo_budget_left_ratio{etl_job="broken",slo="duration"}': -1}, told)

    def test_scheduled_fires_are_counted_with_their_delay(self):
        self.job("often", "every: 1s\n")
        self.serve()
        deadline = time.monotonic() + 60
        # One that was due before it served, as on a busy machine, has no delay.
        while min((told := self.metrics()).get(name, 0) for name in (
                'tidemark_fires_total{state="done",task="run"}', "tidemark_scheduling_delay_seconds_count")) < 2:
            self.assertLess(time.monotonic(), deadline, told)
            time.sleep(0.3)
        self.assertLess(abs(told['tidemark_job_last_success_timestamp_seconds{etl_job="often"}'] - time.time()), 60)

    def test_since_when_none_ended_well_is_known_over_a_restart(self):
        self.job("often", "every: 1s\n")
        self.serve()
        deadline = time.monotonic() + 60
        while self.metrics().get('tidemark_fires_total{state="done",task="run"}', 0) < 1:
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.3)
        self.stop()
        self.job("often", 'cron: "0 0 1 1 *"\n')
        time.sleep(1.5)
        began = time.time()
        self.serve()
        told = self.metrics()['tidemark_job_last_success_timestamp_seconds{etl_job="often"}']
        self.assertLess(told, began - 1)

    def test_nothing_out_of_a_row_or_a_secret_is_told(self):
        self.project.write("data/orders-1.csv", "id,name\n1,canary-in-a-row\n2,other\n")
        self.project.job("orders", 'from: {connection: landing, files: "orders-*.csv"}\n'
                                   "rules: {no_canary: name not like 'canary%'}\n"
                                   "to: {connection: warehouse, table: orders, load: append}\n")
        self.serve()
        self.ended(self.begin("/v1/jobs/orders/runs"))
        text = "\n".join(self.metrics())
        self.assertIsNone(re.search("canary|tdm_", text))


if __name__ == "__main__":
    unittest.main()
