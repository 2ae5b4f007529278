"""A job of several streams, killed at every durable step: each stream stands on its own, nothing lost or doubled."""

from crash.matrix import main
from crash.world import World
from support.temporary_postgres import TemporaryPostgres

if __name__ == "__main__":
    with TemporaryPostgres() as server:
        main([lambda target=target: World(target, "upsert", server, many=True) for target in ("postgres", "duckdb")],
             must_fire=lambda name: name == "postgres.copy_read")
