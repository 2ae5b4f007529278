"""DuckDB's own reader of PostgreSQL, by hand: no stage, no ledger, and the merge is SQL that somebody wrote."""

import os

from peer import CONNECTIONS, CURSOR, KEY, conninfo, main

CONFIG = f"threads 2, pg_connection_limit {CONNECTIONS}, preserve_insertion_order false, Parquet codec zstd"


def connect(file):
    import duckdb
    import duckdb_extension_postgres_scanner
    engine = duckdb.connect(file, config={"allow_unsigned_extensions": "true", "threads": 2})
    folder = os.path.join(os.path.dirname(duckdb_extension_postgres_scanner.__file__), "extensions")
    extension = os.path.join(folder, f"v{duckdb.__version__}", "postgres_scanner.duckdb_extension")
    engine.execute(f"load '{extension}'")
    engine.execute(f"set pg_connection_limit = {CONNECTIONS}")
    engine.execute("set preserve_insertion_order = false")
    engine.execute(f"attach '{conninfo()}' as pg (type postgres, read_only)")
    return engine


def table(name, folder):
    with connect(f"{folder}/result.duckdb") as engine:
        engine.execute(f"create or replace table {name} as select * from pg.public.{name}")


def parquet(name, folder):
    with connect(":memory:") as engine:
        engine.execute(f"copy (from pg.public.{name}) to '{folder}/{name}.parquet' (format parquet, codec zstd)")


def merge(name, folder):
    with connect(f"{folder}/result.duckdb") as engine:
        engine.execute("begin")
        engine.execute(f"create table if not exists {name} as select * from pg.public.{name} limit 0")
        highest = engine.execute(f"select coalesce(max({CURSOR})::varchar, '-infinity') from {name}").fetchone()
        engine.execute(f"create temp table changed as select * from pg.public.{name} "
                       f"where {CURSOR} > '{highest[0]}'::timestamptz")
        engine.execute(f"delete from {name} using changed where " +
                       " and ".join(f"{name}.{column} = changed.{column}" for column in KEY))
        engine.execute(f"insert into {name} select * from changed")
        engine.execute("commit")


main(CONFIG, "select * from TABLE", table=table, parquet=parquet, merge=merge)
