"""`bench/run cache`: what looking on costs with a Redis beside the store, and without.

`store_bench` does the reading (`src/store/read_cache_bench.cc`); here its servers are started and its numbers told.
"""

import json
import os
import pathlib
import shutil
import subprocess

from measured import BenchError, Outcome
from support.temporary_redis import TemporaryRedis

# Of an answer to somebody who waits for it.
P99_MS_MAX = 50
TABLE = ("reads/s", "asked", "p50_us", "p99_us", "cpu_here_us", "cpu_postgres_us", "cpu_redis_us")


def say_table(found):
    print(f"{'':62}" + "".join(f"{name:>17}" for name in TABLE))
    for one in found:
        print(f"{one['name'].removesuffix('/iterations:1'):62}" + "".join(f"{one[name]:17.0f}" for name in TABLE))


def outcomes(found):
    """Each with a cache, beside the same without."""
    by_name = {one["name"]: one for one in found}
    for name, one in by_name.items():
        if "/cache:1/" not in name or "/readers:8/" not in name:
            continue
        without = by_name[name.replace("/cache:1/", "/cache:0/")]
        short = name.removesuffix("/iterations:1").replace("/cache:1", "").replace("/", " ")
        detail = (f"{one['reads/s']:.0f} reads/s; without: {without['p99_us'] / 1000:.1f} ms, "
                  f"{without['reads/s']:.0f} reads/s")
        yield Outcome(f"p99 {short}", one["p99_us"] / 1000, "ms", P99_MS_MAX, detail)


def measure(bench, program):
    if not pathlib.Path(program).is_file():
        raise BenchError(f"there is no {program}; build store_bench with the preset bench")
    if shutil.which("redis-server") is None:
        raise BenchError("redis-server is missing; run tools/deps system --tests")
    server = bench.postgres()
    with TemporaryRedis() as redis:
        env = {**os.environ, "PGPASSWORD": "etl", "TIDEMARK_BENCH_REDIS": redis.address(),
               "TIDEMARK_BENCH_REDIS_PID": str(redis.process.pid), "TIDEMARK_BENCH_POSTGRES_PID": str(server.pid()),
               "TIDEMARK_BENCH_POSTGRES": f"host={server.folder} port={server.port} dbname=postgres user=postgres"}
        done = subprocess.run([program, "--benchmark_filter=list_of_jobs|newest_runs", "--benchmark_format=json"],
                              env=env, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise BenchError(f"{program}: {done.stderr[:2000]}")
    found = json.loads(done.stdout)["benchmarks"]
    for one in found:
        if one.get("error_occurred"):
            raise BenchError(f"{one['name']}: {one['error_message']}")
    say_table(found)
    return list(outcomes(found))
