"""dlt, reading with connectorx and writing Parquet files that DuckDB loads, as its pages on speed say."""

import os

from peer import CURSOR, KEY, main, url

CONFIG = "backend connectorx with Arrow, loader_file_format parquet, normalize and load with 2 workers, no telemetry"


def load(name, folder, incremental):
    # It reads its settings from here, and keeps its own state there.
    os.environ.update({
        "DLT_DATA_DIR": folder, "RUNTIME__DLTHUB_TELEMETRY": "false", "NORMALIZE__WORKERS": "2", "LOAD__WORKERS": "2",
        "RUNTIME__LOG_LEVEL": "ERROR"})
    import dlt
    from dlt.sources.sql_database import sql_table
    source = sql_table(credentials=url(), table=name, schema="public", backend="connectorx",
                       reflection_level="full_with_precision", backend_kwargs={"return_type": "arrow"},
                       incremental=dlt.sources.incremental(CURSOR) if incremental else None)
    if incremental:
        source.apply_hints(primary_key=list(KEY))
    pipeline = dlt.pipeline("speed", pipelines_dir=f"{folder}/pipelines", dataset_name="raw",
                            destination=dlt.destinations.duckdb(f"{folder}/result.duckdb"))
    pipeline.run(source, loader_file_format="parquet", write_disposition="merge" if incremental else "replace")


def table(name, folder):
    load(name, folder, False)


def merge(name, folder):
    load(name, folder, True)


main(CONFIG, "select columns(c -> c not like '_dlt%') from raw.TABLE", table=table, merge=merge)
