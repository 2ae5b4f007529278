// The kinds of values on which tools that move data differ: each one read from a real server, each
// value compared with what the server itself prints.
#include <chrono>
#include <set>
#include <thread>

#include "connectors/postgres/source_fixture_test.h"

namespace tidemark::postgres {
namespace {

struct Kind {
  std::string name;
  std::string type;                 // as PostgreSQL's DDL has it
  std::vector<std::string> values;  // literals of its SQL
  std::string staged;               // the type it is staged as
  // Where the engine prints the same value in other words: its words. Empty: those of the server's
  // ::text.
  std::vector<std::string> printed = {};
  std::string expression = "v::varchar";  // of the engine, to print a value
  std::string refused = {};  // a piece of the reason, when every value goes to quarantine
};

const std::string nasty_text[] = {"''",       "' '",         "'NULL'",      "'\\N'",  "E'\\t'",
                                  "E'a\\nb'", "E'a\\r\\nb'", "'\"'",        "''''",   "'a,b'",
                                  "'a;b|c'",  "'\\'",        "'{}'",        "'água'", "'日本語'",
                                  "'😀'",     "E'\\u0001'",  "'  blanks  '"};

std::vector<Kind> kinds() {
  const std::string uuid = "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'";
  return {
      {"int2", "int2", {"-32768", "32767", "0"}, "SMALLINT"},
      {"int4", "int4", {"-2147483648", "2147483647"}, "INTEGER"},
      {"int8 min and max", "int8", {"-9223372036854775808", "9223372036854775807"}, "BIGINT"},
      {"bool", "bool", {"true", "false"}, "BOOLEAN"},
      {"char(10)", "char(10)", {"'ab'", "''"}, "VARCHAR", {"ab        ", "          "}},
      {"enum", "mood", {"'sad'", "'água'"}, "VARCHAR"},
      {"numeric(15,2)",
       "numeric(15,2)",
       {"0", "1.5", "-0.01", "9999999999999.99", "-9999999999999.99", "10000", "0.10"},
       "DECIMAL(15,2)"},
      {"numeric(38,18)",
       "numeric(38,18)",
       {"12345678901234567890.123456789012345678", "-0.000000000000000001"},
       "DECIMAL(38,18)"},
      {"numeric(38,0)",
       "numeric(38,0)",
       {"99999999999999999999999999999999999999", "-99999999999999999999999999999999999999"},
       "DECIMAL(38,0)"},
      {"numeric(50,10)",
       "numeric(50,10)",
       {"1234567890123456789012345678901234567890.0123456789", "0"},
       "VARCHAR"},
      {"numeric without scale",
       "numeric",
       {"9007199254740993", "1e-30", "1e40", "-0.00001000", "100", "10000.5", "0.0"},
       "VARCHAR"},
      {"numeric NaN", "numeric", {"'NaN'"}, "VARCHAR"},
      {"numeric(15,2) NaN", "numeric(15,2)", {"'NaN'"}, "DECIMAL(15,2)", {}, "v::varchar", "NaN"},
      {"numeric infinities", "numeric", {"'Infinity'", "'-Infinity'"}, "VARCHAR"},
      {"float8",
       "float8",
       {"'NaN'", "'Infinity'", "'-Infinity'", "'-0'", "1.7976931348623157e308", "5e-324", "0.1"},
       "DOUBLE",
       {"nan", "inf", "-inf", "-0.0", "1.7976931348623157e+308", "5e-324", "0.1"}},
      {"float4",
       "float4",
       {"'NaN'", "'-Infinity'", "'-0'", "3.4028235e38", "1e-45", "0.1"},
       "FLOAT",
       {"nan", "-inf", "-0.0", "3.4028235e+38", "1e-45", "0.1"}},
      {"timestamp",
       "timestamp",
       {"'2024-02-29 23:59:59.999999'", "'1969-12-31 23:59:59.000001'"},
       "TIMESTAMP"},
      {"timestamptz",
       "timestamptz",
       {"'2024-02-29 23:59:59.999999+02'", "'1969-12-31 23:59:59.000001+00'"},
       "TIMESTAMP WITH TIME ZONE"},
      {"timestamp 0001..9999",
       "timestamp",
       {"'0001-01-01 00:00:00'", "'9999-12-31 23:59:59.999999'"},
       "TIMESTAMP"},
      {"timestamp BC",
       "timestamp",
       {"'0044-03-15 10:00:00 BC'", "'4713-01-01 00:00:00 BC'"},
       "TIMESTAMP",
       {"0044-03-15 (BC) 10:00:00", "4713-01-01 (BC) 00:00:00"}},
      {"timestamptz BC",
       "timestamptz",
       {"'0044-03-15 10:00:00+00 BC'"},
       "TIMESTAMP WITH TIME ZONE",
       {"0044-03-15 (BC) 10:00:00+00"}},
      {"timestamp infinities", "timestamp", {"'infinity'", "'-infinity'"}, "TIMESTAMP"},
      {"timestamptz infinities",
       "timestamptz",
       {"'infinity'", "'-infinity'"},
       "TIMESTAMP WITH TIME ZONE"},
      {"timestamp 294276",
       "timestamp",
       {"'294276-12-31 23:59:59.999999'"},
       "TIMESTAMP",
       {},
       "v::varchar",
       "beyond"},
      {"date 0001..9999", "date", {"'0001-01-01'", "'9999-12-31'", "'1970-01-01'"}, "DATE"},
      {"date BC", "date", {"'0044-03-15 BC'"}, "DATE", {"0044-03-15 (BC)"}},
      {"date infinities", "date", {"'infinity'", "'-infinity'"}, "DATE"},
      {"date 5874897", "date", {"'5874897-12-31'"}, "DATE"},
      {"time", "time", {"'23:59:59.999999'", "'00:00'"}, "TIME"},
      {"time 24:00", "time", {"'24:00'"}, "TIME"},
      {"timetz",
       "timetz",
       {"'12:34:56.789+02'", "'00:00-11:30'", "'23:59:59+15:59'", "'24:00+00'"},
       "TIME WITH TIME ZONE"},
      {"interval, negative parts",
       "interval",
       {"'-1 year 2 mons -3 days 04:05:06.789'", "'-00:00:00.000001'"},
       "INTERVAL",
       {"-10 months -3 days 04:05:06.789", "-00:00:00.000001"}},
      {"interval",
       "interval",
       {"'1 year 2 mons 3 days 04:05:06.789'", "'100 hours'", "'14 mons'"},
       "INTERVAL",
       {"1 year 2 months 3 days 04:05:06.789", "100:00:00", "1 year 2 months"}},
      {"text", "text", {std::begin(nasty_text), std::end(nasty_text)}, "VARCHAR"},
      {"bytea", "bytea", {"'\\x00ff5c27'", "'\\x'"}, "BLOB", {}, "'\\x' || lower(hex(v))"},
      {"jsonb", "jsonb", {"'{\"a\": [1, null]}'", "'null'", "'\"str\"'"}, "JSON"},
      {"jsonb numbers", "jsonb", {"'123456789012345678901234567890'", "'1.10'"}, "JSON"},
      {"jsonb 1e400", "jsonb", {"'1e400'"}, "JSON"},
      {"json", "json", {"'{\"a\" : 1, \"a\":  2 }'"}, "JSON"},
      {"int[]", "int[]", {"'{1,NULL,3}'", "'{}'"}, "INTEGER[]", {"[1, NULL, 3]", "[]"}},
      {"int[][]", "int[]", {"'{{1,2},{3,4}}'"}, "INTEGER[]", {}, "v::varchar", "2 dimensions"},
      {"int[] with bounds",
       "int[]",
       {"'[0:1]={1,2}'"},
       "INTEGER[]",
       {},
       "v::varchar",
       "start at 1"},
      {"text[]",
       "text[]",
       {"'{\"a,b\",\"c\\\"d\",NULL,\"\"}'"},
       "VARCHAR[]",
       {"a,b|c\"d|<null>|"},
       "array_to_string(list_transform(v, lambda x: coalesce(x, '<null>')), '|')"},
      {"numeric[]",
       "numeric[]",
       {"'{1.10,NaN,1e-30}'"},
       "VARCHAR[]",
       {"1.10|NaN|0.000000000000000000000000000001"},
       "array_to_string(v, '|')"},
      {"numeric(10,2)[]", "numeric(10,2)[]", {"'{1.10,-2}'"}, "DECIMAL(10,2)[]", {"[1.10, -2.00]"}},
      {"uuid",
       "uuid",
       {uuid, "'00000000-0000-0000-0000-000000000000'", "'ffffffff-ffff-ffff-ffff-ffffffffffff'"},
       "UUID"},
      {"inet", "inet", {"'192.168.1.5/24'", "'::1'"}, "VARCHAR", {"192.168.1.5/24", "::1"}},
      {"varbit", "varbit", {"B'10101'", "B''"}, "VARCHAR"},
      {"money", "money", {"'-1234.56'"}, "VARCHAR"},
      {"int4range", "int4range", {"'[1,5)'", "'empty'", "'[,5)'"}, "VARCHAR"},
      {"composite", "pair", {"'(1,\"a b\")'"}, "VARCHAR"},
      {"domain", "price", {"12.50"}, "DECIMAL(12,2)"},
      {"xml, point, tsvector", "xml", {"'<a b=\"c\"/>'"}, "VARCHAR"},
      {"point", "point", {"'(1.5,-2)'"}, "VARCHAR"},
      {"tsvector", "tsvector", {"'a:1 b:2'"}, "VARCHAR"},
      {"\"char\"", "\"char\"", {"'x'", "''"}, "VARCHAR"},
      {"oid", "oid", {"4294967295"}, "UINTEGER"},
      {"enum[]", "mood[]", {"'{sad,NULL}'"}, "VARCHAR[]", {"[sad, NULL]"}},
  };
}

TEST_F(SourceTest, EveryKindOfValueArrivesAsItIs) {
  psql(
      "create type mood as enum ('sad', 'água'); create type pair as (a int, b text); create "
      "domain price as numeric(12,2)");
  const std::vector<Kind> all = kinds();
  std::string ddl;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const std::string name = "kind_" + std::to_string(i);
    ddl += "create table " + name + " (v " + all[i].type + ");\n";
    for (const std::string& value : all[i].values)
      ddl += "insert into " + name + " values (" + value + ");\n";
    ddl += "insert into " + name + " values (null);\n";
  }
  psql(ddl);
  auto session = Connection::connect(options(), cancel_);
  ASSERT_TRUE(session.ok());
  for (std::size_t i = 0; i < all.size(); ++i) {
    const Kind& kind = all[i];
    SCOPED_TRACE(kind.name);
    const std::string name = "kind_" + std::to_string(i);
    PostgresSource source(options(), table(name), LoadStrategy::full);
    auto got = read(source, {}, kind.expression);
    if (!got.ok()) {
      ADD_FAILURE() << got.error().describe();
      continue;
    }
    EXPECT_EQ(kind.staged, sql_name(got->schema.columns[0].type));
    std::vector<std::optional<std::string>> wanted;
    auto server_says = (*session)->query("select v::text from " + name, cancel_);
    ASSERT_TRUE(server_says.ok());
    for (std::size_t row = 0; row < kind.values.size() && kind.refused.empty(); ++row) {
      wanted.push_back(kind.printed.empty() ? server_says->string(row, 0) : kind.printed[row]);
    }
    wanted.push_back(std::nullopt);  // NULL stays NULL in every kind
    std::vector<std::optional<std::string>> found;
    for (const auto& row : got->rows)
      found.push_back(row[0]);
    EXPECT_EQ(wanted, found);
    EXPECT_EQ(kind.refused.empty() ? 0 : kind.values.size(), got->rejected.size());
    for (const auto& [column, reason] : got->rejected) {
      EXPECT_EQ("v", column);
      EXPECT_NE(std::string::npos, reason.find(kind.refused)) << reason;
    }
  }
}

TEST_F(SourceTest, AColumnDeclaredVarcharIsTheServersText) {
  psql(
      "create table t (a int[], n numeric); insert into t values ('{{1,2},{3,4}}', 1.5), "
      "('[0:1]={1,2}', 'NaN')");
  SourceSpec spec = table("t");
  spec.columns = {{{"a", {}}, {"varchar", {}}}, {{"n", {}}, {"decimal(10,1)", {}}}};
  auto got = read(spec);
  ASSERT_TRUE(got.ok()) << got.error().describe();
  ASSERT_EQ(1u, got->rows.size());
  EXPECT_EQ("{{1,2},{3,4}}", got->rows[0][0]);
  EXPECT_EQ("1.5", got->rows[0][1]);
  ASSERT_EQ(1u, got->rejected.size());
  EXPECT_EQ("n", got->rejected[0].first);
}

TEST_F(SourceTest, TextOfADatabaseWithoutAnEncodingIsCheckedRowByRow) {
  const std::string name = database_ + "_ascii";
  server().psql("postgres",
                "create database " + name + " encoding 'SQL_ASCII' locale 'C' template template0");
  server().psql(name, "create table t (v text); insert into t values ('good'), (E'\\xe9t\\xe9')");
  ConnectOptions raw = options();
  raw.conninfo = server().conninfo(name);
  PostgresSource source(raw, table("t"), LoadStrategy::full);
  auto got = read(source);
  ASSERT_TRUE(got.ok()) << got.error().describe();
  EXPECT_EQ(1u, got->rows.size());
  ASSERT_EQ(1u, got->rejected.size());
  EXPECT_NE(std::string::npos, got->rejected[0].second.find("UTF-8"));
}

// A column of few digits rounds, up as well as down.
TEST_F(SourceTest, WatermarksOfEachPrecisionGiveEachRowOnce) {
  constexpr int precisions = 7;
  std::string columns;
  for (int digits = 0; digits < precisions; ++digits) {
    columns += ", at" + std::to_string(digits) + " timestamptz(" + std::to_string(digits) +
               ") not null default clock_timestamp()";
  }
  psql("create table t (id int generated always as identity" + columns + ")");
  std::vector<Progress> progress(precisions);
  std::vector<std::multiset<std::string>> given(precisions);
  for (int round = 0; round < 8; ++round) {
    for (int row = 0; row < 5 && round < 5; ++row) {
      psql("insert into t default values");
      std::this_thread::sleep_for(std::chrono::milliseconds(60));
    }
    if (round >= 5) std::this_thread::sleep_for(std::chrono::milliseconds(800));
    for (int digits = 0; digits < precisions; ++digits) {
      PostgresSource source(options(), table("t", "at" + std::to_string(digits)),
                            LoadStrategy::append);
      auto got = read(source, progress[digits], "id");
      ASSERT_TRUE(got.ok()) << digits << ": " << got.error().describe();
      for (const auto& row : got->rows)
        given[digits].insert(*row[0]);
      progress[digits].lo = got->bound.window.hi;
    }
  }
  std::multiset<std::string> all;
  for (int id = 1; id <= 25; ++id)
    all.insert(std::to_string(id));
  for (int digits = 0; digits < precisions; ++digits)
    EXPECT_EQ(given[digits], all) << "timestamptz(" << digits << ")";
}

}  // namespace
}  // namespace tidemark::postgres
