"""Worlds whose target, or whose source, is MySQL."""

import time

from crash.world import BEHIND_SECONDS, World


class MysqlWorld(World):
    """Loads from SQLite into a database of MySQL, one for each cell. `server` is a running MariaDB."""

    payload = ("json_value(payload, '$.id')", "json_value(payload, '$.v')")

    def __init__(self, load, server, again=False):
        super().__init__("mysql", load, server, again=again)

    def make_databases(self):
        self.server.sql(f"create database {self.id}_0 character set utf8mb4", "mysql")

    def goal(self, database):
        return '{mysql: "' + self.server.address(database) + '"}'

    def copy_database(self, database):
        template = self.template.database
        tables = self.server.sql("select table_name from information_schema.tables where table_schema = "
                                 f"'{template}'", "mysql").split()
        self.server.sql(f"create database {database} character set utf8mb4;" + "".join(
            f"create table {database}.{table} like {template}.{table};"
            f"insert into {database}.{table} select * from {template}.{table};" for table in tables), "mysql")

    def drop_database(self, database):
        self.server.sql(f"drop database {database}", "mysql")

    def answers(self, cell, queries):
        return [[line.split("\t") for line in self.server.sql(query, cell.database).splitlines()] for query in queries]


class MysqlSourceWorld(World):
    """Loads from MySQL into a DuckDB file by a time that the database sets."""

    def __init__(self, load, server):
        super().__init__("duckdb", load, server)
        time.sleep(BEHIND_SECONDS)  # the second batch is below the watermark of every cell

    def is_bounded(self):
        return True

    def shop(self):
        return '{mysql: "' + self.server.address(f"{self.id}_source") + '"}', "table: orders"

    def make_databases(self):
        self.server.sql(f"create database {self.id}_source character set utf8mb4", "mysql")

    def change_source(self, folder, rows, create=False):
        values = ", ".join(f"({i}, {v}, {repr(at) if create else 'default'})" for i, v, at in rows)
        made = ("create table orders (id integer primary key, v integer, changed timestamp(6) not null default "
                "current_timestamp(6), key (changed));")
        self.server.sql((made if create else "") + f"insert into orders (id, v, changed) values {values} on duplicate "
                        "key update v = values(v), changed = values(changed)", f"{self.id}_source")
