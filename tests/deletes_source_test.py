#!/usr/bin/env python3
"""Who may be asked for the keys of a sweep: nobody who may lack a row, and no read that died."""

import unittest

from support.project import Project
from support.temporary_mariadb import TemporaryMariadb
from support.temporary_postgres import Standby, TemporaryPostgres

PROJECT = "connections:\n  shop: {{{kind}: \"{source}\", guard: {{{guard}}}}}\n  warehouse: {{duckdb: warehouse.duckdb}}\n"
JOB = ("from: {{connection: shop, {reads}}}\ndeletes: {{sweep: 1h}}\n"
       "to: {{connection: warehouse, table: t, load: upsert, key: [{key}]}}\n")


class Sources(unittest.TestCase):
    kind = "postgres"

    def setUp(self):
        self.project = self.enterContext(Project(""))

    def connect(self, source, guard=""):
        self.project.write("tidemark.yaml", PROJECT.format(kind=self.kind, source=source, guard=guard))

    def job(self, reads="table: t, watermark: at", key="id"):
        self.project.job("t", JOB.format(reads=reads, key=key))

    def run_job(self, *options, code=None):
        """The run, or the code of what stopped it."""
        run = self.project.call("run", "t", "--json", *options).json
        self.assertEqual(code, (run["error"] or {}).get("code"), run)
        return run

    def ids(self):
        return [int(row[0]) for row in self.project.rows("select id from t order by id")]


class Postgres(Sources):
    @classmethod
    def setUpClass(cls):
        cls.server = cls.enterClassContext(TemporaryPostgres())

    number = 0

    def setUp(self):
        super().setUp()
        Postgres.number += 1
        self.database = f"shop_{Postgres.number}"
        self.server.sql(f"create database {self.database}")
        self.shop("create table t (id int primary key, at timestamptz default clock_timestamp()); "
                  "insert into t values (1), (2), (3)")
        self.job()

    def shop(self, sql):
        return self.server.sql(sql, self.database)

    def test_a_standby_that_may_be_behind_is_not_asked(self):
        self.connect(self.server.conninfo(self.database))
        self.run_job()
        with Standby(self.server) as standby:
            standby.catch_up()
            standby.sql("select pg_wal_replay_pause()")
            self.shop("insert into t values (4)")
            self.run_job()
            self.assertEqual([1, 2, 3, 4], self.ids())
            # It does not have row 4, which is alive.
            self.connect(standby.conninfo(self.database))
            self.run_job("--sweep", code="source.keys_behind")
            replica = f"replica: 'host=127.0.0.1 port={standby.port}', replica_wait: 300ms"
            self.connect(self.server.conninfo(self.database), replica)
            self.run_job("--sweep", code="source.replica_late")
            self.assertEqual([1, 2, 3, 4], self.ids())
            self.connect(self.server.conninfo(self.database), replica + ", replica_late: primary")
            self.run_job("--sweep")
            self.assertEqual([1, 2, 3, 4], self.ids())
            standby.sql("select pg_wal_replay_resume()")
            self.shop("delete from t where id = 2; insert into t values (5)")
            self.connect(self.server.conninfo(self.database), replica.replace("300ms", "30s"))
            self.run_job("--sweep")
            self.assertEqual([1, 3, 4, 5], self.ids())

    def test_rows_that_are_hidden_from_the_reader_are_not_gone(self):
        self.shop("create role clerk login; grant select on t to clerk")
        self.connect(f"host={self.server.folder} port={self.server.port} dbname={self.database} user=clerk")
        self.run_job()
        self.shop("alter table t enable row level security; create policy few on t using (id > 1)")
        run = self.project.call("run", "t", "--json", "--sweep").json
        self.assertIn("row-level security", run["error"]["message"])
        self.job("query: select * from t, watermark: at")
        run = self.project.call("run", "t", "--json", "--sweep", "--accept-deletes").json
        self.assertIn("row-level security", run["error"]["message"])
        self.assertEqual([1, 2, 3], self.ids())

    def test_a_key_that_cannot_be_held_stops_the_run(self):
        self.connect(self.server.conninfo(self.database))
        self.shop("create table o (id numeric primary key, at timestamptz default clock_timestamp()); "
                  "insert into o values (1), (2), ('NaN')")
        self.project.job("t", JOB.format(reads="table: o, watermark: at, columns: {id: 'decimal(9,0)'}", key="id"))
        self.run_job()
        self.run_job("--sweep", code="source.value_not_held")
        self.assertEqual([1, 2], self.ids())

    def test_one_session_is_enough(self):
        self.connect(self.server.conninfo(self.database), "connections: 1")
        self.run_job()
        self.shop("delete from t where id = 1")
        self.run_job("--sweep")
        self.assertEqual([2, 3], self.ids())

    def test_a_read_of_keys_that_dies_deletes_nothing(self):
        self.shop("create table long (id text primary key, at timestamptz default now() - interval '1 hour'); "
                  "insert into long select repeat('k', 400) || i from generate_series(1, 20000) i")
        self.job("table: long, watermark: at")
        self.connect(self.server.conninfo(self.database))
        self.run_job()
        self.shop("delete from long where right(id, 1) = '7'")
        # The window is empty, so what is read are keys; in how many pieces they come is the server's affair.
        done = self.project.call("run", "t", "--json", "--sweep", "--accept-deletes",
                                 env={"TIDEMARK_FAILPOINT": "postgres.copy_read@3=reset"})
        self.assertEqual(1, done.code, done.err)
        self.assertIn("reading the keys of the source", done.json["error"]["message"])
        self.assertEqual(20000, self.project.count("t"))
        self.run_job("--sweep", "--accept-deletes")
        self.assertEqual(18000, self.project.count("t"))

    def test_a_table_of_the_same_name_is_another_one(self):
        self.connect(self.server.conninfo(self.database))
        self.run_job()
        self.shop("drop table t; create table t (id int primary key, at timestamptz default clock_timestamp()); "
                  "insert into t values (9)")
        self.run_job("--sweep", "--accept-deletes", code="blocked.source_changed")
        self.assertEqual([1, 2, 3], self.ids())


class Mysql(Sources):
    kind = "mysql"

    def test_a_server_that_is_read_only_as_a_replica_is_not_asked(self):
        server = self.enterContext(TemporaryMariadb())
        server.sql("create database shop", "mysql")
        server.sql("create table t (id int primary key, at timestamp(6) default now(6)); insert into t (id) values (1), (2)",
                   "shop")
        self.connect(server.address("shop"))
        self.job()
        self.run_job()
        server.sql("delete from t where id = 2; set global read_only = 1", "shop")
        self.run_job("--sweep", code="source.keys_behind")
        self.assertEqual([1, 2], self.ids())
        server.sql("set global read_only = 0", "shop")
        self.run_job("--sweep")
        self.assertEqual([1], self.ids())


if __name__ == "__main__":
    unittest.main()
