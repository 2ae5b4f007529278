"""`bench/run api`: the job list of a project of 10,000 jobs, asked 200 times a second, while it is served.

Each job has a last run in the store, and a next time by its schedule. Pages of 100 from places all over the list, by
clients that keep their connections; a request counts from when it was due, so that one that waits for its turn is late.
The control is the same with `/health/live`, which does nothing.
"""

import http.client
import json
import re
import signal
import sqlite3
import subprocess
import threading
import time

from measured import BenchError, Outcome

JOBS = 10_000
RATE = 200
CLIENTS = 8
SECONDS = 20

PROJECT = "connections:\n  landing: {files: data}\n  warehouse: {duckdb: warehouse.duckdb}\n"
JOB = ('from: {{connection: landing, files: "{0}-*.csv"}}\nto: {{connection: warehouse, table: {0}, load: append}}\n'
       "cron: \"{1} 3 1 1 *\"\n")


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def started(bench, project):
    """The service, and where it listens."""
    served = subprocess.Popen([str(bench.program), "serve", "--project", str(project), "--listen", "127.0.0.1:0"],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    for line in served.stdout:
        if found := re.search(r"at http://127.0.0.1:(\d+)", line):
            threading.Thread(target=served.stdout.read, daemon=True).start()
            return served, int(found[1])
    raise BenchError("the service ended")


def fill_store(project):
    """A run of each job, as one that loaded something leaves it."""
    with sqlite3.connect(project / ".tidemark/store.db") as store:
        jobs = store.execute("select job_id, name from etl_jobs").fetchall()
        store.executemany(
            "insert into etl_runs (run_id, job_id, run_start, run_end, rows_read, rows_loaded, status, state, guarantee, "
            "kind, pid, plan_json) values (?, ?, ?, ?, 10, 10, 'success', 'done', 'exact', 'run', 1, '{}')",
            [(f"run{number}{name}", job, f"2026-01-0{number}T00:00:00.000000Z", f"2026-01-0{number}T00:00:01.000000Z")
             for job, name in jobs for number in range(1, 10)])
    return len(jobs)


def ask_all(port, token, paths):
    """How late each answer was, in seconds, from when its request was due."""
    late, faults, lock = [], [], threading.Lock()
    begin = time.perf_counter() + 0.5

    def client(which):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        for number in range(which, len(paths), CLIENTS):
            due = begin + number / RATE
            time.sleep(max(0.0, due - time.perf_counter()))
            connection.request("GET", paths[number], headers={"Authorization": f"Bearer {token}"})
            response = connection.getresponse()
            response.read()
            with lock:
                late.append(time.perf_counter() - due)
                if response.status != 200:
                    faults.append(response.status)

    threads = [threading.Thread(target=client, args=(which,)) for which in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        raise BenchError(f"{len(faults)} requests were answered {set(faults)}")
    return late


def api(bench):
    files = {f"jobs/job_{number:05}.yaml": JOB.format(f"job_{number:05}", number % 60) for number in range(JOBS)}
    project = bench.project("api", {"tidemark.yaml": PROJECT, "data/nothing": "", **files})
    made = subprocess.run([str(bench.program), "token", "create", "bench", "--json", "--project", str(project)],
                          capture_output=True, text=True, check=False)
    if made.returncode != 0:
        raise BenchError(made.stderr)
    token = json.loads(made.stdout)["token"]
    served, port = started(bench, project)
    try:
        count = fill_store(project)
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        starts, path = [], "/v1/jobs?limit=100"
        while path:
            starts.append(path)
            connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
            page = json.loads(connection.getresponse().read())
            path = page["next"] and f"/v1/jobs?limit=100&cursor={page['next']}"
        if len(starts) != count // 100:
            raise BenchError(f"{count} jobs came in {len(starts)} pages")
        asked = RATE * SECONDS
        control = ask_all(port, token, ["/health/live"] * asked)
        late = ask_all(port, token, [starts[number * 7 % len(starts)] for number in range(asked)])
    finally:
        served.send_signal(signal.SIGTERM)
        served.wait()
    detail = (f"p50 {percentile(late, 0.5) * 1000:.1f} ms; health p99 {percentile(control, 0.99) * 1000:.1f} ms; "
              f"{asked} requests")
    return [Outcome("job list of 10,000, p99", percentile(late, 0.99) * 1000, "ms", 50, detail)]
