"""Faults at every step of a load into PostgreSQL: nothing lost, nothing doubled."""

from crash.matrix import main
from crash.world import World
from support.temporary_postgres import TemporaryPostgres

LOADS = ("full", "append", "upsert")

if __name__ == "__main__":
    with TemporaryPostgres() as server:
        main([lambda load=load, again=again: World("postgres", load, server, again=again)
              for again in (False, True) for load in LOADS],
             # What a DuckDB file and a PostgreSQL source do is in the tests beside this one.
             must_fire=lambda name: not name.startswith(("engine.commit", "mysql.")) and name != "postgres.copy_read")
