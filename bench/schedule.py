"""`bench/run schedule`: a project that is served, of jobs that find nothing new nearly each time.

What a user would have: tables of a PostgreSQL server, each followed by its watermark into one DuckDB file, with the
store in SQLite. Each job runs every ten seconds, spread over them by `jitter`.
"""

import json
import mmap
import os
import pathlib
import re
import signal
import statistics
import struct
import subprocess
import threading
import time
from datetime import datetime, timezone

from measured import BenchError, Outcome

EVERY_S = 10
JITTER_S = 9
TICK_S = 1 / os.sysconf("SC_CLK_TCK")

# Preloaded: counts the syncs of the store's log, of the warehouse, and of all else.
COUNT_SYNCS = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
static unsigned long long *counts;
__attribute__((constructor)) static void begin(void) {
  int fd = open(getenv("SYNC_COUNTS"), O_RDWR);
  counts = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
}
static void count(int fd) {
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  path[length < 0 ? 0 : length] = 0;
  int which = strstr(path, "store.db") ? 0 : strstr(path, "warehouse.duckdb") ? 1 : 2;
  __atomic_add_fetch(&counts[which], 1, __ATOMIC_RELAXED);
}
int fsync(int fd) { count(fd); return ((int (*)(int))dlsym(RTLD_NEXT, "fsync"))(fd); }
int fdatasync(int fd) { count(fd); return ((int (*)(int))dlsym(RTLD_NEXT, "fdatasync"))(fd); }
"""


def cpu_seconds(pid, with_ended_children=False):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return sum(int(field) for field in fields[11:15 if with_ended_children else 13]) * TICK_S


def server_cpu_seconds(server):
    """Of all sessions of a server, those that have ended among them."""
    pid = server.pid()
    total = cpu_seconds(pid, with_ended_children=True)
    for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split():
        try:
            total += cpu_seconds(child)
        except OSError:
            pass
    return total


def begin_of(job, fire_us):
    """When a fire begins, as the service spreads them by `jitter`."""
    value = 0xcbf29ce484222325
    for byte in job.encode() + fire_us.to_bytes(8, "little"):
        value = (value ^ byte) * 0x100000001b3 % 2**64
    value ^= value >> 32
    value = value * 0xd6e8feb86659fd93 % 2**64
    value ^= value >> 32
    return fire_us + value % (JITTER_S * 1_000_000)


def microseconds(text):
    at = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return round((at - datetime(1970, 1, 1, tzinfo=timezone.utc)).total_seconds() * 1_000_000)


class Service:
    """`tidemark serve`, and what it says."""

    def __init__(self, bench, project):
        library = bench.folder / "count_syncs.so"
        source = library.with_suffix(".c")
        source.write_text(COUNT_SYNCS, encoding="ascii")
        subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", library, source], check=True)
        counts = bench.folder / "sync_counts"
        counts.write_bytes(bytes(4096))
        with open(counts, "r+b") as file:
            self.counts = mmap.mmap(file.fileno(), 4096)
        self.notes = []
        self.process = subprocess.Popen(
            [bench.program, "serve", "--project", project, "--json"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, env={**bench.env, "LD_PRELOAD": str(library), "SYNC_COUNTS": str(counts)})
        self.reader = threading.Thread(target=self.read)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            if line.startswith(b"{"):
                self.notes.append(line)

    def syncs(self):
        """(of the store, of the warehouse, of other files)"""
        return struct.unpack_from("3Q", self.counts)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        said = self.process.stderr.read()
        self.reader.join()
        return self.process.wait(), said


def make_project(bench, jobs):
    server = bench.postgres()
    server.run("do $$ begin for i in 1 .. " + str(jobs) + " loop execute format('create table if not exists "
               "followed_%s (id bigint primary key, updated_at timestamptz not null, state text)', i); "
               "execute format('insert into followed_%s select n, timestamptz ''2024-01-01'' + n * interval ''1 s'', "
               "''new'' from generate_series(1, 10) n on conflict do nothing', i); "
               "execute format('create index if not exists followed_%s_at on followed_%s (updated_at)', i, i); "
               "if i % 100 = 0 then commit; end if; end loop; end $$")
    files = {"tidemark.yaml": "workers: 4\n" + bench.connections()}
    for number in range(1, jobs + 1):
        files[f"jobs/followed_{number}.yaml"] = (
            f"from: {{connection: shop, table: public.followed_{number}, watermark: updated_at}}\n"
            f"to: {{connection: warehouse, table: mart.followed_{number}, load: upsert, key: [id]}}\n"
            f"every: {EVERY_S}s\njitter: {JITTER_S}s\nmissed: skip\n")
    return bench.project("schedule", files)


def measure(bench, jobs, seconds):
    project = make_project(bench, jobs)
    bench.say(f"loading {jobs:,} tables once ...")
    bench.tidemark(project, "run", "--all")
    bench.say(f"serving them for {seconds} s ...")
    service = Service(bench, project)
    try:
        time.sleep(3 * EVERY_S)
        before = (time.time(), cpu_seconds(service.process.pid), server_cpu_seconds(bench.server), service.syncs())
        time.sleep(seconds)
        after = (time.time(), cpu_seconds(service.process.pid), server_cpu_seconds(bench.server), service.syncs())
        peak = pathlib.Path(f"/proc/{service.process.pid}/status").read_text(encoding="ascii")
    finally:
        code, said = service.stop()
    if code != 0:
        raise BenchError(f"serve ended with {code}: {said.decode()[:2000]}")
    began, states, delays = {}, {}, []
    for line in service.notes:
        note = json.loads(line)
        at = microseconds(note["at"])
        if not before[0] * 1e6 <= at < after[0] * 1e6:
            continue
        states[note["state"]] = states.get(note["state"], 0) + 1
        if note["state"] == "running":
            fire = microseconds(note["fire"])
            began[note["job"], fire] = at
            delays.append((at - begin_of(note["job"], fire)) / 1000)
    wanted = jobs * seconds / EVERY_S
    runs = states.get("done", 0)
    if not runs or set(states) - {"done", "running", "skipped"}:
        raise BenchError(f"other ends than `done`: {states}")
    check_all_is_there(bench, project, jobs)
    cpu, source = (after[which] - before[which] for which in (1, 2))
    store, warehouse, others = (late - early for late, early in zip(after[3], before[3]))
    percentiles = statistics.quantiles(delays, n=100)
    megabytes = int(re.search(r"VmHWM:\s+(\d+)", peak).group(1)) / 1024
    return [
        Outcome("schedule: fires left out", states.get("skipped", 0) / wanted * 100, "%", 0,
                f"{runs / seconds:.0f} runs/s of {jobs:,} jobs each {EVERY_S} s, {states.get('skipped', 0)} left out",
                True),
        Outcome("schedule: delay of a run, p99", percentiles[98], "ms", 250,
                f"p50 {percentiles[49]:.0f} ms, longest {max(delays):.0f} ms"),
        Outcome("schedule: CPU of an empty run", cpu * 1000 / runs, "ms", 10,
                f"{cpu / seconds * 100:.0f} % of a core; peak {megabytes:.0f} MB", True),
        Outcome("schedule: CPU of the source's server", source * 1000 / runs, "ms", 5, "of an empty run", True),
        # One, and those of moving the log into the file.
        Outcome("schedule: syncs of the store, of a run", store / runs, "x", 1.5,
                f"warehouse {warehouse / runs:.2f}, other files {others / runs:.2f}", True),
    ]


def check_all_is_there(bench, project, jobs):
    union = " union all ".join(f"select count(*) n from mart.followed_{number}" for number in range(1, jobs + 1))
    answer = json.loads(bench.tidemark(project, "query", "warehouse", f"select sum(n)::bigint from ({union})",
                                       "--json").out)
    if int(answer["rows"][0][0]) != 10 * jobs:
        raise BenchError(f"{answer['rows']} rows in the warehouse, not {10 * jobs}")
