"""How bench/speed calls another tool: one command line for all of them.

  TOOL.py table TABLE FOLDER      copies a table of PostgreSQL into a DuckDB file in that folder
  TOOL.py parquet TABLE FOLDER    copies it into Parquet files in that folder
  TOOL.py merge TABLE FOLDER      loads what has changed since the last time, by key, into a DuckDB file
  TOOL.py select TABLE            the SELECT of the DuckDB file that gives the table as it was, to check
  TOOL.py config                  its settings, for the report

A tool has those of table, parquet and merge that it can do. PostgreSQL is where libpq's variables say.
"""

import os
import sys

KEY = ("l_orderkey", "l_linenumber")
CURSOR = "updated_at"
CONNECTIONS = 2


def conninfo():
    return " ".join(f"{word}={os.environ[name]}" for word, name in (
        ("host", "PGHOST"), ("port", "PGPORT"), ("user", "PGUSER"), ("password", "PGPASSWORD"),
        ("dbname", "PGDATABASE")))


def url(scheme="postgresql"):
    env = os.environ
    return f"{scheme}://{env['PGUSER']}:{env['PGPASSWORD']}@{env['PGHOST']}:{env['PGPORT']}/{env['PGDATABASE']}"


def main(config, select, **verbs):
    """`select` has TABLE for the table; each of `verbs` is called with table and folder."""
    arguments = sys.argv[1:]
    if arguments == ["config"]:
        print(config)
    elif len(arguments) == 2 and arguments[0] == "select":
        print(select.replace("TABLE", arguments[1]))
    elif len(arguments) == 3 and arguments[0] in verbs:
        os.makedirs(arguments[2], exist_ok=True)
        verbs[arguments[0]](*arguments[1:])
    else:
        print(f"usage: {sys.argv[0]} config | select TABLE | {'|'.join(verbs)} TABLE FOLDER", file=sys.stderr)
        sys.exit(2)
