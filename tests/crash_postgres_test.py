"""Faults at every step of a load into PostgreSQL, and of a job of several streams: nothing lost, nothing doubled."""

from crash.matrix import main
from crash.world import World
from support.temporary_postgres import TemporaryPostgres

LOADS = ("full", "append", "upsert")

if __name__ == "__main__":
    with TemporaryPostgres() as server:
        main([*(lambda load=load: World("postgres", load, server) for load in LOADS),
              lambda: World("postgres", "upsert", server, many=True),
              lambda: World("duckdb", "upsert", server, many=True)],
             # What only a DuckDB file does is in crash_duckdb_test.py.
             must_fire=lambda name: not name.startswith("engine.commit"))
