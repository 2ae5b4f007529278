"""What tests of deleted rows share: a source and a target of each test, jobs that follow deletes, and their runs."""

import sqlite3
import time

from support.drift import Drift

# (table with id, name, gone and at; rows 1 to 3) for each kind of source. `now` is the time a change gets.
MAKE = {
    "postgres": "create table {t} (id int primary key, name varchar(20), gone boolean not null default false, "
                "at timestamptz not null default clock_timestamp()); ",
    "mysql": "create table {t} (id int primary key, name varchar(20), gone boolean not null default false, "
             "at timestamp(6) not null default current_timestamp(6)); ",
    "sqlite": "create table {t} (id integer primary key, name text, gone integer not null default 0, at text); ",
}
NOW = {"postgres": "clock_timestamp()", "mysql": "now(6)", "sqlite": "strftime('%Y-%m-%d %H:%M:%f', 'now')"}


class Deletes(Drift):
    """Of one pair of systems."""

    def system(self, kind, role):
        if kind != "sqlite":
            return super().system(kind, role)
        return "files", "unused", self.lite

    def lite(self, sql):
        database = sqlite3.connect(self.project.dir / "shop.db")
        database.executescript(sql)
        database.commit()
        database.close()

    def make(self, table="orders", rows=3):
        values = ", ".join(f"({i}, 'n{i}', {NOW[self.source_kind]})" for i in range(1, rows + 1))
        self.shop(MAKE[self.source_kind].format(t=table) + f"insert into {table} (id, name, at) values {values}")

    def change(self, ids, what, table="orders"):
        self.shop(f"update {table} set {what}, at = {NOW[self.source_kind]} where id in ({ids})")

    def add(self, ids, table="orders"):
        self.shop("".join(f"insert into {table} (id, name, at) values ({i}, 'n{i}', {NOW[self.source_kind]}); "
                          for i in ids))

    def job(self, deletes, name="orders", reads=None, to=None, key="[id]", more="", load="upsert"):
        shop = "lite" if self.source_kind == "sqlite" else "shop"
        self.project.job(name, f"from: {{connection: {shop}, {reads or 'table: orders'}, watermark: at}}\n{more}"
                               f"deletes: {deletes}\n"
                               f"to: {{connection: {self.to}, table: {to or name}, load: {load}, key: {key}}}\n")

    def failed(self, code, *options, name="orders"):
        run = self.run_job(name, *options)
        self.assertEqual(code, (run["error"] or {}).get("code"), run)
        return run["error"]

    def ids(self, name="orders", where=""):
        """The ids of the target's rows, in order."""
        if self.target_kind == "duckdb":
            return [int(row[0]) for row in self.project.rows(f"select id from {name} {where} order by id")]
        return [int(line) for line in self.target(f"select id from {name} {where} order by id").split()]

    def marked(self, name="orders"):
        return self.ids(name, "where gone_at is not null")

    def deleted(self, run):
        return run["streams"][0]["rows_deleted"]

    def ledger(self, columns="table_name", where=""):
        sql = f"select {columns} from tidemark_sweeps {where}"
        return self.project.rows(sql) if self.target_kind == "duckdb" else self.target(sql)

    def target_sql(self, sql):
        if self.target_kind == "duckdb":
            from support.duckdb_file import DuckdbFile
            with DuckdbFile(self.project.dir / "warehouse.duckdb") as file:
                return file.rows(sql)
        return self.target(sql)

    def settle_time(self):
        time.sleep(self.settle)
