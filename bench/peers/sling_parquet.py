"""Sling into Parquet files. Into one file it loses rows: each batch writes over the one before."""

import glob
import os
import shutil
import subprocess
import sys

from peer import main, url

CONFIG = "one connection, zstd, a file for each 300,000 rows, DuckDB's command line beside it"


def home(folder):
    """Where DuckDB's command line looks for the extensions that Sling asks it for."""
    extensions = f"{folder}/.duckdb/extensions/v1.5.5/linux_amd64"
    if not os.path.exists(extensions):
        os.makedirs(extensions)
        packages = f"{sys.prefix}/lib/python3*/site-packages"
        for file in glob.glob(f"{packages}/duckdb_extension_*/extensions/*/*.duckdb_extension"):
            os.symlink(file, f"{extensions}/{os.path.basename(file)}")
    return folder


def parquet(name, folder):
    import sling_linux_amd64
    program = os.path.join(os.path.dirname(sling_linux_amd64.__file__), "bin", "sling-linux-amd64")
    env = {**os.environ, "SLING_DISABLE_TELEMETRY": "true", "HOME": home(folder), "SLING_HOME_DIR": folder,
           "DUCKDB_PATH": f"{sys.prefix}/bin/duckdb"}
    subprocess.run(
        [program, "run", "--src-conn", url() + "?sslmode=disable", "--src-stream", f"public.{name}", "--tgt-object",
         f"file://{folder}/rows/", "--tgt-options", "{format: parquet, compression: zstd, file_max_rows: 300000}"],
        check=True, stdout=subprocess.DEVNULL, env=env)


main(CONFIG, "", parquet=parquet)
