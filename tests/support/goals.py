"""A project whose jobs load files of the folder `data` into one target of its own, in each kind of target.

Those of a server have `server` set by who starts it. rows() answers with lists of texts, copy() is a second project with all
that the first has, its target's rows included.
"""

import shutil

from support.project import Project

PROJECT = """\
connections:
  landing: {{files: data}}
  goal: {goal}
"""


class DuckdbGoal:
    yaml = PROJECT.format(goal="{duckdb: warehouse.duckdb}")

    def __init__(self):
        self.project = Project(self.yaml)

    def copy(self):
        other = DuckdbGoal()
        shutil.copytree(self.project.dir, other.project.dir, dirs_exist_ok=True)
        return other

    def rows(self, sql):
        return self.project.rows(sql)

    def close(self):
        self.project.__exit__()


class PostgresGoal:
    server = None
    made = 0

    def __init__(self, template="template1"):
        PostgresGoal.made += 1
        self.database = f"goal_{PostgresGoal.made}"
        self.server.sql(f"create database {self.database} template {template}")
        self.yaml = PROJECT.format(goal=f'{{postgres: "{self.server.conninfo(self.database)}"}}')
        self.project = Project(self.yaml)

    def copy(self):
        other = PostgresGoal(self.database)
        shutil.copytree(self.project.dir, other.project.dir, dirs_exist_ok=True)
        other.project.write("tidemark.yaml", other.yaml)
        return other

    def rows(self, sql):
        return [line.split("|") for line in self.server.sql(sql, self.database).splitlines()]

    def close(self):
        self.project.__exit__()


class MysqlGoal:
    server = None
    made = 0

    def __init__(self, template=None):
        MysqlGoal.made += 1
        self.database = f"goal_{MysqlGoal.made}"
        self.server.sql(f"create database {self.database} character set utf8mb4", "mysql")
        tables = "" if template is None else self.server.sql(
            f"select table_name from information_schema.tables where table_schema = '{template}'", "mysql")
        for table in tables.split():
            self.server.sql(f"create table {self.database}.{table} like {template}.{table};"
                            f"insert into {self.database}.{table} select * from {template}.{table}", "mysql")
        self.yaml = PROJECT.format(goal=f'{{mysql: "{self.server.address(self.database)}"}}')
        self.project = Project(self.yaml)

    def copy(self):
        other = MysqlGoal(self.database)
        shutil.copytree(self.project.dir, other.project.dir, dirs_exist_ok=True)
        other.project.write("tidemark.yaml", other.yaml)
        return other

    def rows(self, sql):
        return [line.split("\t") for line in self.server.sql(sql, self.database).splitlines()]

    def close(self):
        self.project.__exit__()
