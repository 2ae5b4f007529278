"""What tests of changing columns share: servers, a source and a target of each test, jobs and their runs."""

import time
import unittest

from support.project import Project
from support.temporary_mariadb import TemporaryMariadb
from support.temporary_postgres import TemporaryPostgres

PROJECT = """\
shrink_limit: 100%
connections:
  shop:      {{{kind}: "{source}"}}
  mirror:    {{{mirror_kind}: "{mirror}"}}
  landing:   {{files: data}}
  lite:      {{sqlite: shop.db}}
  warehouse: {{duckdb: warehouse.duckdb}}
"""
# What happens to a table with the rows (1, 'a', 10) and (2, 'b', 20) of (id, name, amount).
CHANGES = {
    "new": "alter table {t} add column extra int; insert into {t} (id, name, amount, extra) values (3, 'c', 30, 7); "
           "insert into {t} (id, name, amount) values (4, 'd', 40)",
    "filled": "alter table {t} add column extra int default 5; "
              "insert into {t} (id, name, amount, extra) values (3, 'c', 30, 7), (4, 'd', 40, null)",
    "dropped": "alter table {t} drop column amount; insert into {t} (id, name) values (3, 'c'), (4, 'd')",
    "renamed": "alter table {t} rename column amount to total; "
               "insert into {t} (id, name, total) values (3, 'c', 30), (4, 'd', 40)",
    "widened": "alter table {t} {retype} bigint; "
               "insert into {t} (id, name, amount) values (3, 'c', 5000000000), (4, 'd', 40)",
    "narrowed": "alter table {t} {retype} smallint; "
                "insert into {t} (id, name, amount) values (3, 'c', 30), (4, 'd', 40)",
}


class Drift(unittest.TestCase):
    """A source and a target for each test."""
    source_kind, target_kind = "postgres", "duckdb"
    retype = "alter column amount type"
    number = 0
    settle = 0.0  # before each run, for what was written to be below the watermark

    servers = {}  # one of each kind for a file of tests

    @classmethod
    def server(cls, kind):
        if kind not in Drift.servers:
            Drift.servers[kind] = {"postgres": TemporaryPostgres, "mysql": TemporaryMariadb}[kind]().__enter__()
            unittest.addModuleCleanup(Drift.servers[kind].__exit__)
        return Drift.servers[kind]

    def setUp(self):
        Drift.number += 1
        source, mirror = self.system(self.source_kind, "source"), self.system(self.target_kind, "mirror")
        self.shop, self.target = source[2], mirror[2]
        self.project = self.enterContext(Project(PROJECT.format(
            kind=source[0], source=source[1], mirror_kind=mirror[0], mirror=mirror[1])))
        self.to = "warehouse" if self.target_kind == "duckdb" else "mirror"

    def system(self, kind, role):
        name = f"{role}_{self.number}"
        if kind == "postgres":
            server = self.server(kind)
            server.sql(f"create database {name}")
            return kind, server.conninfo(name), lambda sql: server.sql(sql, name)
        if kind == "mysql":
            server = self.server(kind)
            server.sql(f"create database {name} character set utf8mb4", "mysql")
            return kind, server.address(name), lambda sql: server.sql(sql, name)
        return ("files" if role == "source" else "duckdb"), f"{name}.x", None

    def job(self, name, table=None, policy="evolve", load="upsert", more="", watermark="at", extra=""):
        key = ", key: [id]" if load == "upsert" else ""
        mark = f", watermark: {watermark}" if load != "full" else ""
        self.project.job(name, f"from: {{connection: shop, table: {table or name}{mark}{extra}}}\n{more}"
                               f"schema_drift: {policy}\n"
                               f"to: {{connection: {self.to}, table: {name}, load: {load}{key}}}\n")

    def make(self, table):
        at, past = {
            "postgres": ("timestamptz not null default now()", "now() - interval '1 hour'"),
            "mysql": ("timestamp(6) not null default current_timestamp(6)", "now(6) - interval 1 hour"),
        }[self.source_kind]
        return (f"create table {table} (id int primary key, name varchar(10), amount int, at {at}); "
                f"insert into {table} values (1, 'a', 10, {past}), (2, 'b', 20, {past}); ")

    def change(self, change, table):
        return CHANGES[change].format(t=table, retype=self.retype) + "; "

    def run_jobs(self, *names, options=()):
        time.sleep(self.settle)
        done = self.project.call("run", *names, *options, "--json")
        found = done.json
        found = found if isinstance(found, list) else [found]
        self.assertEqual([run["job"] for run in found], list(names), done.err)
        return dict(zip(names, found))

    def run_job(self, name, *options):
        return self.run_jobs(name, options=options)[name]

    def good(self, name, *options):
        run = self.run_job(name, *options)
        self.assertIn(run["status"], ("success", "skipped"), run.get("error"))
        return run

    def blocked(self, name, *options):
        run = self.run_job(name, *options)
        self.assertEqual("blocked.schema_drift", (run["error"] or {}).get("code"), run)
        return run["error"]

    def plan(self, name):
        done = self.project.call("plan", name, "--json")
        self.assertEqual(0, done.code, done.err)
        return done.json["streams"][0]

    def table(self, name, columns):
        """The rows of a target's table, or [] where it lacks one of the columns."""
        select = f"select {columns} from {name} order by id"
        if self.target_kind == "duckdb":
            return [list(row) for row in self.project.rows(select)]
        empty = "NULL" if self.target_kind == "mysql" else ""
        split = "\t" if self.target_kind == "mysql" else "|"
        return [[None if value == empty else value for value in line.split(split)]
                for line in self.target(select).split("\n")]

    def columns(self, name):
        if self.target_kind == "duckdb":
            return [row[0] for row in self.project.rows(f"select column_name from (describe {name})")]
        schema = "database()" if self.target_kind == "mysql" else "'public'"
        return self.target("select column_name from information_schema.columns where table_name = "
                           f"'{name}' and table_schema = {schema} order by ordinal_position").split("\n")
