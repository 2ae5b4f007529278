"""Arrow's driver for PostgreSQL, its batches handed to DuckDB as they come."""

from peer import main, url

CONFIG = "one connection, batches of 16 MiB, DuckDB with 2 threads"
# It gives numerics as text.
NUMERICS = ("l_quantity", "l_extendedprice", "l_discount", "l_tax")


def table(name, folder):
    import adbc_driver_postgresql.dbapi
    import duckdb
    with (adbc_driver_postgresql.dbapi.connect(url()) as source, source.cursor() as cursor,
          duckdb.connect(f"{folder}/result.duckdb", config={"threads": 2}) as engine):
        cursor.adbc_statement.set_options(**{"adbc.postgresql.batch_size_hint_bytes": str(16 << 20)})
        cursor.execute(f"select * from {name}")
        rows = cursor.fetch_record_batch()  # noqa: F841: the SQL names it
        engine.execute(f"create table {name} as select * from rows")


main(CONFIG, "select * replace (" + ", ".join(f"{one}::decimal(15,2) as {one}" for one in NUMERICS) + ") from TABLE",
     table=table)
