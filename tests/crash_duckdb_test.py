"""Faults at every step of a load into a DuckDB file: nothing lost, nothing doubled."""

from crash.matrix import main
from crash.world import World

LOADS = ("full", "append", "upsert")

if __name__ == "__main__":
    main([lambda load=load, again=again: World("duckdb", load, again=again)
          for again in (False, True) for load in LOADS],
         must_fire=lambda name: not name.startswith(("postgres.", "mysql.")))
