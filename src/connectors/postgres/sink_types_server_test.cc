// Every kind of value, from the engine into a real server and back as the server prints it.
#include <fixtures/postgres_server.h>
#include <gtest/gtest.h>

#include "connectors/postgres/sink.h"

namespace tidemark::postgres {
namespace {

struct Case {
  const char* value;  // of the engine
  const char* type;   // the column made
  const char* text;   // as PostgreSQL prints it
};

constexpr Case cases[] = {
    {"true", "boolean", "true"},
    {"(-128)::TINYINT", "smallint", "-128"},
    {"255::UTINYINT", "smallint", "255"},
    {"(-32768)::SMALLINT", "smallint", "-32768"},
    {"65535::USMALLINT", "integer", "65535"},
    {"(-2147483648)::INTEGER", "integer", "-2147483648"},
    {"4294967295::UINTEGER", "bigint", "4294967295"},
    {"(-9223372036854775808)::BIGINT", "bigint", "-9223372036854775808"},
    {"18446744073709551615::UBIGINT", "numeric(20,0)", "18446744073709551615"},
    {"(-170141183460469231731687303715884105728)::HUGEINT", "numeric(39,0)",
     "-170141183460469231731687303715884105728"},
    {"'NaN'::FLOAT", "real", "NaN"},
    {"0.1::FLOAT", "real", "0.1"},
    {"'-0'::DOUBLE", "double precision", "-0"},
    {"'-inf'::DOUBLE", "double precision", "-Infinity"},
    {"5e-324::DOUBLE", "double precision", "5e-324"},
    {"'-0.01'::DECIMAL(4,2)", "numeric(4,2)", "-0.01"},
    {"'10000.00'::DECIMAL(9,2)", "numeric(9,2)", "10000.00"},
    {"'0.000000000000000001'::DECIMAL(18,18)", "numeric(18,18)", "0.000000000000000001"},
    {"'99999999999999999999999999999999999999'::DECIMAL(38,0)", "numeric(38,0)",
     "99999999999999999999999999999999999999"},
    {"'-0.99999999999999999999999999999999999999'::DECIMAL(38,38)", "numeric(38,38)",
     "-0.99999999999999999999999999999999999999"},
    {"'1234567890123456789.0100000000000000001'::DECIMAL(38,19)", "numeric(38,19)",
     "1234567890123456789.0100000000000000001"},
    {"''", "text", ""},
    {"'it''s \\ ä \U0001F600'", "text", "it's \\ ä \U0001F600"},
    {"'{\"a\": 1.0,  \"a\": 2}'::JSON", "json", "{\"a\": 1.0,  \"a\": 2}"},
    {"'\\x00\\xFF'::BLOB", "bytea", "\\x00ff"},
    {"'00112233-4455-6677-8899-aabbccddeeff'::UUID", "uuid",
     "00112233-4455-6677-8899-aabbccddeeff"},
    {"'ffffffff-ffff-ffff-ffff-ffffffffffff'::UUID", "uuid",
     "ffffffff-ffff-ffff-ffff-ffffffffffff"},
    {"'infinity'::DATE", "date", "infinity"},
    {"'-infinity'::DATE", "date", "-infinity"},
    {"'4714-11-24 (BC)'::DATE", "date", "4714-11-24 BC"},
    {"'5874897-12-31'::DATE", "date", "5874897-12-31"},
    {"'24:00:00'::TIME", "time without time zone", "24:00:00"},
    {"'12:34:56.000001'::TIME", "time without time zone", "12:34:56.000001"},
    {"'12:34:56.5+05:30'::TIMETZ", "time with time zone", "12:34:56.5+05:30"},
    {"'00:00:00-15:59'::TIMETZ", "time with time zone", "00:00:00-15:59"},
    {"'4714-11-24 (BC) 00:00:00'::TIMESTAMP", "timestamp without time zone",
     "4714-11-24 00:00:00 BC"},
    {"'1969-12-31 23:59:59.999999'::TIMESTAMP", "timestamp without time zone",
     "1969-12-31 23:59:59.999999"},
    {"'294247-01-10 04:00:54'::TIMESTAMP", "timestamp without time zone", "294247-01-10 04:00:54"},
    {"'infinity'::TIMESTAMP", "timestamp without time zone", "infinity"},
    {"'-infinity'::TIMESTAMPTZ", "timestamp with time zone", "-infinity"},
    {"'2024-03-31 02:30:00+02'::TIMESTAMPTZ", "timestamp with time zone", "2024-03-31 00:30:00+00"},
    {"'2024-01-01 00:00:00.123456'::TIMESTAMP_NS", "timestamp without time zone",
     "2024-01-01 00:00:00.123456"},
    {"INTERVAL '14 months -3 days 04:05:06.000007'", "interval",
     "1 year 2 mons -3 days +04:05:06.000007"},
    {"[1, NULL, 3]::INTEGER[]", "integer[]", "{1,NULL,3}"},
    {"[]::VARCHAR[]", "text[]", "{}"},
    {"['a,b', '', '\"', NULL]", "text[]", "{\"a,b\",\"\",\"\\\"\",NULL}"},
    {"['1.50', '-2.25']::DECIMAL(38,2)[]", "numeric[]", "{1.50,-2.25}"},
    {"['00112233-4455-6677-8899-aabbccddeeff']::UUID[]", "uuid[]",
     "{00112233-4455-6677-8899-aabbccddeeff}"},
    {"[170141183460469231731687303715884105727, 1]::HUGEINT[]", "numeric[]",
     "{170141183460469231731687303715884105727,1}"},
};

TEST(SinkTypesServerTest, EveryValueArrivesAsItIs) {
  auto& fixture = tidemark::testing::PostgresServer::shared();
  ConnectOptions options;
  options.conninfo = fixture.conninfo(fixture.new_database());
  Cancel cancel;
  auto engine = duck::Engine::open({}).value();
  auto db = engine->connect().value();
  ASSERT_TRUE(db->execute("SET TimeZone = 'UTC'").ok());
  // The value, a NULL below it: both in every column, in columns c0, c1, ...
  std::string values;
  std::string nulls;
  for (std::size_t at = 0; at < std::size(cases); ++at) {
    values += (at == 0 ? "" : ", ") + std::string(cases[at].value) + " AS c" + std::to_string(at);
    nulls += at == 0 ? "NULL" : ", NULL";
  }
  const Status made =
      db->execute("CREATE TABLE good AS SELECT " + values + " UNION ALL SELECT " + nulls);
  ASSERT_TRUE(made.ok()) << made.error().describe();
  const StagedTable rows{"good", db->describe("SELECT * FROM good").value(), RowCount(2)};
  PostgresSink sink(*db, options);
  const LoadKey key{
      {JobName("j"), StreamName("s")}, Seq(1), Fence(1), RunId("r"), LoadKind::window, "l"};
  auto txn = sink.begin(key, cancel);
  ASSERT_TRUE(txn.ok()) << txn.error().describe();
  const LoadTarget target{"values", LoadStrategy::append, {}, rows.schema, std::nullopt, false};
  const auto written = (*txn)->write(rows, target, cancel);
  ASSERT_TRUE(written.ok()) << written.error().describe();
  ASSERT_TRUE(
      (*txn)
          ->commit({"l", LoadKind::window, Seq(1), RunId("r"), {}, RowCount(2), RowCount(0), ""})
          .ok());

  auto server = Connection::connect(options, cancel).value();
  for (std::size_t at = 0; at < std::size(cases); ++at) {
    const std::string column = "c" + std::to_string(at);
    const auto seen =
        server->query("select " + column +
                          "::text, (select format_type(atttypid, atttypmod) from pg_attribute "
                          "where attrelid = 'public.values'::regclass and attname = '" +
                          column +
                          "') from \"values\" "
                          "where c0 order by c0",
                      cancel);
    const auto fallback = seen.ok() ? std::string() : seen.error().describe();
    ASSERT_TRUE(seen.ok()) << fallback;
    EXPECT_EQ(seen->string(0, 0), cases[at].text) << cases[at].value;
    if (std::string_view(cases[at].type) != "numeric[]") {
      EXPECT_EQ(seen->string(0, 1), cases[at].type) << cases[at].value;
    }
  }
  // The table takes the same rows again, so what describe says fits what was made.
  EXPECT_TRUE(sink.plan(target, cancel).ok());
  // Each predicate is good SQL of the engine and holds for every value above.
  const auto acceptance = sink.acceptance(target, cancel);
  ASSERT_TRUE(acceptance.ok());
  EXPECT_GT(acceptance->size(), 10U);
  for (const auto& accept : *acceptance) {
    const auto refused =
        db->count("SELECT count(*) FROM good WHERE NOT (" + accept.predicate + ")");
    EXPECT_EQ(refused.ok() ? std::to_string(*refused) : refused.error().describe(), "0")
        << accept.predicate;
  }
}

}  // namespace
}  // namespace tidemark::postgres
