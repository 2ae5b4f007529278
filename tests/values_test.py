"""The kinds of values on which tools that move data differ, each from a real PostgreSQL to the stage, and from there to
a DuckDB warehouse and to another PostgreSQL.

Every value that arrives is compared with what the source itself prints. A value that cannot be held exactly must stand
in quarantine with its raw bytes; it is never changed, and never gone. Ends with a table of kinds and outcomes.
"""

import dataclasses
import sys
import unittest

from support.duckdb_file import DuckdbFile
from support.temporary_postgres import TemporaryPostgres
from support.project import Project

NASTY_TEXTS = ("''", "' '", "'NULL'", "'\\N'", "E'\\t'", "E'a\\nb'", "E'a\\r\\nb'", "'\"'", "''''", "'a,b'", "'a;b|c'",
               "'\\'", "'{}'", "'água'", "'日本語'", "'😀'", "E'\\u0001'", "'  blanks  '")
LISTS = "array_to_string(list_transform(v, lambda x: coalesce(x::varchar, 'NULL')), '|')"
# What an array prints as when its elements are written one after another.
SOURCE_LISTS = "array_to_string(v, '|', 'NULL')"


@dataclasses.dataclass
class Kind:
    """One line of the comparison, as a table of its own."""
    name: str
    type: str        # of PostgreSQL, as its DDL has it
    values: tuple    # literals of its SQL
    warehouse: str   # the type it has in DuckDB
    mirror: str = ""  # the type it has in the other PostgreSQL; "": the source's
    # How DuckDB is asked for the value's text; where it words a value otherwise, its words, by the source's.
    shown: str = "v::varchar"
    words: dict = dataclasses.field(default_factory=dict)
    source: str = "format('%s', v)"  # the source's own text
    refused: str = ""  # a piece of the reason, when every value goes to quarantine
    send: str = ""     # the function that gives the raw bytes of a refused value


def instants(name):
    """Kinds that a timestamp has with a zone and without."""
    stored = {"timestamp": "TIMESTAMP", "timestamptz": "TIMESTAMP WITH TIME ZONE"}[name]
    full = {"timestamp": "timestamp without time zone", "timestamptz": "timestamp with time zone"}[name]
    zone = "" if name == "timestamp" else "+00"

    def kind(what, values, **more):
        return Kind(f"{name} {what}", name, tuple(f"'{value}'" for value in values), stored, full, **more)

    return [
        kind("µs", [f"2024-02-29 23:59:59.999999{zone}", f"1969-12-31 23:59:59.000001{zone}",
                    f"2024-03-10 02:30:00{zone}"]),
        kind("0001..9999", [f"0001-01-01 00:00:00{zone}", f"9999-12-31 23:59:59.999999{zone}"]),
        kind("BC", [f"0044-03-15 10:00:00{zone} BC", f"4713-01-01 00:00:00.000001{zone} BC"],
             words={f"0044-03-15 10:00:00{zone} BC": f"0044-03-15 (BC) 10:00:00{zone}",
                    f"4713-01-01 00:00:00.000001{zone} BC": f"4713-01-01 (BC) 00:00:00.000001{zone}"}),
        kind("±infinity", ["infinity", "-infinity"]),
        kind("294276", [f"294276-12-31 23:59:59.999999{zone}", f"294247-01-10 04:00:54.775807{zone}"],
             refused="beyond", send=f"{name}_send"),
    ]


KINDS = [
    Kind("int2 min, max", "int2", ("-32768", "32767", "0"), "SMALLINT", "smallint"),
    Kind("int4 min, max", "int4", ("-2147483648", "2147483647"), "INTEGER", "integer"),
    Kind("int8 min, max", "int8", ("-9223372036854775808", "9223372036854775807", "9007199254740993"), "BIGINT",
         "bigint"),
    Kind("bool", "bool", ("true", "false"), "BOOLEAN", "boolean", source="v::text"),
    Kind("char(10)", "char(10)", ("'ab'", "''", "'a b'"), "VARCHAR", "text"),
    Kind("enum", "kinds.mood", ("'sad'", "'água'", "'it''s'"), "VARCHAR", "text"),
    Kind("numeric(15,2)", "numeric(15,2)", ("0", "1.5", "-0.01", "9999999999999.99", "-9999999999999.99", "10000", "0.10"),
         "DECIMAL(15,2)"),
    Kind("numeric(38,18)", "numeric(38,18)", ("12345678901234567890.123456789012345678", "-0.000000000000000001"),
         "DECIMAL(38,18)"),
    Kind("numeric(38,0)", "numeric(38,0)",
         ("99999999999999999999999999999999999999", "-99999999999999999999999999999999999999"), "DECIMAL(38,0)"),
    Kind("numeric(50,10)", "numeric(50,10)", ("1234567890123456789012345678901234567890.0123456789", "0"), "VARCHAR",
         "text"),
    Kind("numeric, no scale", "numeric", ("9007199254740993", "1e-30", "1e40", "-0.00001000", "100", "10000.5", "0.0"),
         "VARCHAR", "text"),
    Kind("numeric NaN", "numeric", ("'NaN'",), "VARCHAR", "text"),
    Kind("numeric(15,2) NaN", "numeric(15,2)", ("'NaN'",), "DECIMAL(15,2)", refused="NaN", send="numeric_send"),
    Kind("numeric ±Infinity", "numeric", ("'Infinity'", "'-Infinity'"), "VARCHAR", "text"),
    Kind("float8 NaN ±Inf -0 ends", "float8",
         ("'NaN'", "'Infinity'", "'-Infinity'", "'-0'", "1.7976931348623157e308", "5e-324", "0.1"), "DOUBLE",
         "double precision",
         words={"NaN": "nan", "Infinity": "inf", "-Infinity": "-inf", "-0": "-0.0"}),
    Kind("float4", "float4", ("'NaN'", "'Infinity'", "'-Infinity'", "'-0'", "3.4028235e38", "1e-45", "0.1"), "FLOAT",
         "real", words={"NaN": "nan", "Infinity": "inf", "-Infinity": "-inf", "-0": "-0.0"}),
    *instants("timestamp"),
    *instants("timestamptz"),
    Kind("date 0001..9999", "date", ("'0001-01-01'", "'9999-12-31'", "'1970-01-01'"), "DATE"),
    Kind("date BC", "date", ("'0044-03-15 BC'", "'4713-01-01 BC'"), "DATE",
         words={"0044-03-15 BC": "0044-03-15 (BC)", "4713-01-01 BC": "4713-01-01 (BC)"}),
    Kind("date ±infinity", "date", ("'infinity'", "'-infinity'"), "DATE"),
    Kind("date 5874897", "date", ("'5874897-12-31'",), "DATE"),
    Kind("time µs", "time", ("'23:59:59.999999'", "'00:00'", "'12:34:56.000001'"), "TIME", "time without time zone"),
    Kind("time 24:00", "time", ("'24:00'",), "TIME", "time without time zone"),
    Kind("timetz", "timetz", ("'12:34:56.789+02'", "'00:00-11:30'", "'23:59:59+15:59'", "'00:00-15:59'", "'24:00+00'"),
         "TIME WITH TIME ZONE", "time with time zone"),
    Kind("interval, negative parts", "interval", ("'-1 year 2 mons -3 days 04:05:06.789'", "'-00:00:00.000001'",
                                                  "'-178000000 years'"), "INTERVAL",
         words={"-10 mons -3 days +04:05:06.789": "-10 months -3 days 04:05:06.789",
                "-178000000 years": "-178000000 years"}),
    Kind("interval, positive", "interval", ("'1 year 2 mons 3 days 04:05:06.789'", "'100 hours'", "'14 mons'", "'0'"),
         "INTERVAL", words={"1 year 2 mons 3 days 04:05:06.789": "1 year 2 months 3 days 04:05:06.789",
                            "1 year 2 mons": "1 year 2 months"}),
    Kind("text, 18 nasty strings", "text", NASTY_TEXTS, "VARCHAR"),
    Kind("bytea (0x00, empty)", "bytea", ("'\\x00ff5c27'", "'\\x'", "'\\x00'"), "BLOB",
         shown="'\\x' || lower(hex(v))"),
    Kind("jsonb ordinary, null, \"str\"", "jsonb", ("'{\"a\": [1, null], \"b\": \"x\"}'", "'null'", "'\"str\"'"), "JSON",
         "json"),
    Kind("jsonb 30-digit int, 1.10", "jsonb", ("'123456789012345678901234567890'", "'1.10'", "'{\"a\": 1.10}'"), "JSON",
         "json"),
    Kind("jsonb 1e400", "jsonb", ("'1e400'",), "JSON", "json"),
    Kind("json (dup keys, blanks)", "json", ("'{\"a\" : 1, \"a\":  2 }'", "' [1 , 2]'", "'\"\\u00e9 \\\\u0000\"'"), "JSON"),
    Kind("int[] with NULL, {}", "int[]", ("'{1,NULL,3}'", "'{}'"), "INTEGER[]", "integer[]", shown=LISTS,
         source=SOURCE_LISTS),
    Kind("int[][]", "int[]", ("'{{1,2},{3,4}}'",), "INTEGER[]", "integer[]", refused="2 dimensions", send="array_send"),
    Kind("int[] with bounds", "int[]", ("'[0:1]={1,2}'",), "INTEGER[]", "integer[]", refused="start at 1",
         send="array_send"),
    Kind("text[] with quotes", "text[]", ("'{\"a,b\",\"c\\\"d\",NULL,\"\",\"NULL\",\"{\"}'",), "VARCHAR[]", shown=LISTS,
         source=SOURCE_LISTS),
    Kind("numeric[]", "numeric[]", ("'{1.10,NaN,1e-30,NULL}'",), "VARCHAR[]", "text[]", shown=LISTS,
         source=SOURCE_LISTS),
    Kind("numeric(10,2)[]", "numeric(10,2)[]", ("'{1.10,-2}'",), "DECIMAL(10,2)[]", shown=LISTS, source=SOURCE_LISTS),
    Kind("interval[]", "interval[]", ("'{1 year 2 mons,-1 day,00:00:00.000001}'",), "INTERVAL[]", shown=LISTS,
         source=SOURCE_LISTS, words={"1 year 2 mons|-1 days|00:00:00.000001":
                                     "1 year 2 months|-1 day|00:00:00.000001"}),
    Kind("uuid", "uuid", ("'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'", "'00000000-0000-0000-0000-000000000000'",
                          "'ffffffff-ffff-ffff-ffff-ffffffffffff'"), "UUID"),
    Kind("inet", "inet", ("'192.168.1.5/24'", "'192.168.1.5'", "'::1'"), "VARCHAR", "text"),
    Kind("varbit", "varbit", ("B'10101'", "B''"), "VARCHAR", "text"),
    Kind("money", "money", ("'-1234.56'", "'92233720368547758.07'"), "VARCHAR", "text"),
    Kind("int4range", "int4range", ("'[1,5)'", "'empty'", "'[,5)'"), "VARCHAR", "text"),
    Kind("domain", "kinds.price", ("12.50",), "DECIMAL(12,2)", "numeric(12,2)"),
    Kind("composite", "kinds.pair", ("'(1,\"a b\")'",), "VARCHAR", "text"),
    Kind("tsvector", "tsvector", ("'a:1 b:2'",), "VARCHAR", "text"),
    Kind("point", "point", ("'(1.5,-2)'",), "VARCHAR", "text"),
    Kind("cidr", "cidr", ("'192.168.1.0/24'", "'10.0.0.1/32'"), "VARCHAR", "text"),
    Kind("oid", "oid", ("4294967295",), "UINTEGER", "bigint"),
]

PROJECT = """\
connections:
  shop:      {{postgres: "{source}"}}
  mirror:    {{postgres: "{mirror}"}}
  warehouse: {{duckdb: warehouse.duckdb}}
"""


class ValuesTest(unittest.TestCase):
    """Three jobs over one table per kind: to DuckDB, to PostgreSQL, and to PostgreSQL with every column as text."""

    @classmethod
    def setUpClass(cls):
        cls.server = cls.enterClassContext(TemporaryPostgres())
        cls.server.sql("create database shop; create database mirror")
        cls.server.sql(cls.ddl(), "shop")
        cls.project = cls.enterClassContext(Project(PROJECT.format(
            source=cls.server.conninfo("shop"), mirror=cls.server.conninfo("mirror"))))
        for job, target, more in (("warehouse", "warehouse", ""), ("mirror", "mirror", ""),
                                  ("texts", "mirror", ", columns: {v: varchar}")):
            schema = "texts" if job == "texts" else "raw"
            cls.project.job(job, f"from: {{connection: shop, tables: [kinds.*]{more}}}\n"
                                 f"to: {{connection: {target}, table: \"{schema}.{{table}}\", load: full}}\n")
        cls.done = cls.project.call("run", "warehouse", "mirror", "texts", "--json", timeout=600)
        cls.outcomes = {}

    @classmethod
    def tearDownClass(cls):
        width = max(len(kind.name) for kind in KINDS)
        print(f"\n{'kind':{width}}  {'DuckDB':8}  {'PostgreSQL':10}  declared varchar", file=sys.stderr)
        for kind in KINDS:
            outcome = cls.outcomes.get(kind.name, {})
            print(f"{kind.name:{width}}  {outcome.get('warehouse', '?'):8}  {outcome.get('mirror', '?'):10}  "
                  f"{outcome.get('texts', '?')}", file=sys.stderr)

    @staticmethod
    def ddl():
        sql = ["create schema kinds; create type kinds.mood as enum ('sad', 'água', 'it''s'); "
               "create type kinds.pair as (a int, b text); create domain kinds.price as numeric(12,2); "
               "set timezone = 'UTC';"]
        for at, kind in enumerate(KINDS):
            rows = ", ".join(f"({number}, {value})" for number, value in enumerate([*kind.values, "null"]))
            sql.append(f"create table kinds.{table(at)} (n int primary key, v {kind.type}); "
                       f"insert into kinds.{table(at)} values {rows};")
        return "\n".join(sql)

    def source(self, at, expression):
        return self.server.json(f"select json_agg({known(expression)} order by n) from kinds.{table(at)}", "shop")

    def counts(self, job):
        """(read, loaded, rejected) of each stream of a job's run."""
        run = next(run for run in self.done.json if run["job"] == job)
        self.assertEqual("success", run["status"], run)
        return {stream["stream"].rpartition(".")[2]: (stream["rows_read"], stream["rows_loaded"],
                                                      stream["rows_rejected"]) for stream in run["streams"]}

    def check_counts(self, job, refusing=True):
        counts = self.counts(job)
        self.assertEqual({table(at) for at in range(len(KINDS))}, set(counts))
        for at, kind in enumerate(KINDS):
            rows = len(kind.values) + 1
            refused = len(kind.values) if kind.refused and refusing else 0
            with self.subTest(job=job, kind=kind.name):
                self.assertEqual((rows, rows - refused, refused), counts[table(at)])

    def check_refused(self, job, rows):
        """Rows of tidemark_quarantine as (stream, rule, column, message, hex of raw)."""
        expected = 0
        for at, kind in enumerate(KINDS):
            if not kind.refused:
                continue
            found = [row for row in rows if row[0].endswith("." + table(at))]
            sent = self.source(at, f"encode({kind.send}(v), 'hex')")[:-1]
            expected += len(sent)
            with self.subTest(job=job, kind=kind.name):
                self.assertEqual(len(sent), len(found))
                for raw in sent:
                    # The whole tuple as it came: its length before the value, which is its last field.
                    tail = f"{len(raw) // 2:08x}{raw}"
                    match = [row for row in found if row[4].lower().endswith(tail)]
                    self.assertEqual(1, len(match), f"{tail} in {found}")
                    self.assertEqual(("extract", "v"), tuple(match[0][1:3]))
                    self.assertIn(kind.refused, match[0][3])
        self.assertEqual(expected, len(rows))

    def outcome(self, kind, target, text):
        self.outcomes.setdefault(kind.name, {})[target] = text

    def test_the_runs_succeed(self):
        self.assertEqual(0, self.done.code, self.done.err)

    def test_the_warehouse_has_each_value(self):
        self.check_counts("warehouse")
        with DuckdbFile(self.project.dir / "warehouse.duckdb") as file:
            file.rows("SET TimeZone = 'UTC'")
            for at, kind in enumerate(KINDS):
                with self.subTest(kind=kind.name):
                    name = f"raw.{table(at)}"
                    self.assertEqual(kind.warehouse, file.rows(f"SELECT column_type FROM (DESCRIBE {name}) "
                                                               "WHERE column_name = 'v'")[0][0])
                    wanted = self.source(at, kind.source)
                    if kind.refused:
                        wanted = wanted[-1:]
                    wanted = [kind.words.get(text, text) for text in wanted]
                    self.assertEqual(wanted, [row[0] for row in file.rows(f"SELECT {kind.shown} FROM {name} ORDER BY n")])
                    self.outcome(kind, "warehouse", "refused" if kind.refused else "exact")
            self.check_refused("warehouse", file.rows(
                "SELECT stream, rule, column_name, message, hex(raw) FROM tidemark_quarantine"))

    def test_the_other_postgresql_has_each_value(self):
        self.check_counts("mirror")
        for at, kind in enumerate(KINDS):
            with self.subTest(kind=kind.name):
                self.assertEqual(kind.mirror or kind.type, self.server.sql(
                    "select format_type(atttypid, atttypmod) from pg_attribute where attname = 'v' and attrelid = "
                    f"'raw.{table(at)}'::regclass", "mirror"))
                wanted = self.source(at, kind.source)
                if kind.refused:
                    wanted = wanted[-1:]
                self.assertEqual(wanted, self.server.json(
                    f"select json_agg({known(kind.source)} order by n) from raw.{table(at)}", "mirror"))
                self.outcome(kind, "mirror", "refused" if kind.refused else "exact")
        self.check_refused("mirror", self.server.json(
            "select json_agg(json_build_array(stream, rule, column_name, message, encode(raw, 'hex'))) "
            "from tidemark_quarantine where job = 'mirror'", "mirror"))

    def test_every_kind_is_found_equal_by_verify(self):
        for job in ("warehouse", "mirror", "texts"):
            done = self.project.call("verify", job, "--json", timeout=600)
            for stream in done.json["streams"]:
                kind = KINDS[int(stream["stream"].rpartition("_")[2])].name
                with self.subTest(job=job, kind=kind):
                    self.assertEqual([], stream["examples"])
                    self.assertIsNotNone(stream["proved_at"])
            self.assertEqual(0, done.code, done.err)

    def test_declared_varchar_every_value_is_the_sources_text(self):
        self.check_counts("texts", refusing=False)
        for at, kind in enumerate(KINDS):
            with self.subTest(kind=kind.name):
                # The cast of these two to text is a function of its own, which cuts blanks or adds a mask.
                own = "format('%s', v)" if kind.type in ("char(10)", "inet") else "v::text"
                self.assertEqual(self.source(at, own), self.server.json(
                    f"select json_agg(v order by n) from texts.{table(at)}", "mirror"))
                self.outcome(kind, "texts", "exact")


def known(expression):
    return f"case when v is not null then {expression} end"


def table(at):
    return f"kind_{at:02}"


if __name__ == "__main__":
    unittest.main()
