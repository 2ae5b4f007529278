// What tidemark.yaml means, every default of it, and every fault.
#include "spec/project_yaml.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "spec/test_project.h"

namespace tidemark {
namespace {

using testing::ElementsAre;
using testing::ElementsAreArray;
using testing::HasSubstr;

TEST(ProjectYaml, Defaults) {
  TestProject project;
  const LoadedProject loaded =
      project.write("tidemark.yaml", "connections: {w: {duckdb: w.duckdb}}\n").load();
  EXPECT_EQ(loaded.faults.print(), "");
  const ProjectSpec& spec = loaded.project;
  EXPECT_EQ(spec.root, project.root());
  EXPECT_EQ(spec.file, "tidemark.yaml");
  EXPECT_EQ(spec.store.place, "sqlite:.tidemark/store.db");
  EXPECT_EQ(spec.stage.path, ".tidemark/stage");
  EXPECT_EQ(spec.stage.keep, std::chrono::hours(7 * 24));
  EXPECT_EQ(spec.memory_bytes, 1'000'000'000);
  EXPECT_EQ(spec.segment_bytes, 100'000'000);
  EXPECT_DOUBLE_EQ(spec.shrink_limit, 0.5);
}

TEST(ProjectYaml, TheStageIsAFolderOrAMapping) {
  const auto stage_of = [](const std::string& text) {
    TestProject project;
    const LoadedProject loaded =
        project.write("tidemark.yaml", "connections: {w: {duckdb: w.duckdb}}\nstage: " + text)
            .load();
    EXPECT_EQ(loaded.faults.print(), "");
    return loaded.project.stage;
  };
  EXPECT_EQ(stage_of("elsewhere").path, "elsewhere");
  EXPECT_EQ(stage_of("elsewhere").keep, std::chrono::hours(7 * 24));
  EXPECT_EQ(stage_of("{keep: 36h}").path, ".tidemark/stage");
  EXPECT_EQ(stage_of("{keep: 36h}").keep, std::chrono::hours(36));
  EXPECT_EQ(stage_of("{path: elsewhere, keep: forever}").path, "elsewhere");
  EXPECT_EQ(stage_of("{path: elsewhere, keep: forever}").keep, std::nullopt);
}

TEST(ProjectYaml, TheKeyOfSecretsIsInAFileOrAVariable) {
  TestProject project;
  project.write("tidemark.yaml", "connections: {warehouse: {duckdb: w.duckdb}}\n");
  EXPECT_EQ(project.load().project.secrets.key_file, ".tidemark/secret.key");
  EXPECT_EQ(project.load().project.audit, std::chrono::hours(400 * 24));
  project.write("tidemark.yaml",
                "secrets: {key_env: KEY}\naudit: forever\n"
                "connections: {warehouse: {duckdb: w.duckdb}}\n");
  const LoadedProject loaded = project.load();
  EXPECT_EQ(loaded.faults.print(), "");
  EXPECT_EQ(loaded.project.secrets.key_env, "KEY");
  EXPECT_FALSE(loaded.project.secrets.vault);
  EXPECT_FALSE(loaded.project.audit);
}

TEST(ProjectYaml, ProxiesAreNetworks) {
  TestProject project;
  const auto with = [&](const std::string& proxies) -> TestProject& {
    return project.write("tidemark.yaml", "api: {proxies: " + proxies +
                                              "}\nconnections: {warehouse: {duckdb: w.duckdb}}\n");
  };
  EXPECT_THAT(with("[10.1.0.0/16, \"::1\"]").load().project.api->proxies,
              ElementsAre("10.1.0.0/16", "::1"));
  EXPECT_THAT(with("127.0.0.1").load().project.api->proxies, ElementsAre("127.0.0.1"));
  EXPECT_THAT(with("[proxy.example]").faults(),
              ElementsAre("tidemark.yaml:1:17: `proxy.example` is no network"));
}

TEST(ProjectYaml, ReadsEverything) {
  TestProject project;
  project.set("SHOP_PASSWORD", "s3cret").set("HOST", "db.example").write("secrets/pin", "1234\n");
  std::filesystem::permissions(project.root() / "secrets/pin", std::filesystem::perms::owner_read);
  project.write(
      "tidemark.yaml",
      "store: postgres://tidemark@db/tidemark\n"
      "stage: {path: s3://bucket/prefix, keep: 30d}\n"
      "memory: 4GB\n"
      "segment: 64MB\n"
      "shrink_limit: 10%\n"
      "connections:\n"
      "  shop:\n"
      "    postgres: host=${env:HOST} dbname=shop user=$${etl\n"
      "    password: ${env:SHOP_PASSWORD}\n"
      "    guard: {rows_per_second: 50000, connections: 4, replica: host=replica.example}\n"
      "  other: {postgres: host=b, password: \"a${file:secrets/pin}\"}\n"
      "  warehouse: {duckdb: warehouse.duckdb}\n");
  const LoadedProject loaded = project.load();
  EXPECT_EQ(loaded.faults.print(), "");
  const ProjectSpec& spec = loaded.project;
  EXPECT_EQ(spec.store.place, "postgres://tidemark@db/tidemark");
  EXPECT_EQ(spec.stage.path, "s3://bucket/prefix");
  EXPECT_EQ(spec.stage.keep, std::chrono::hours(30 * 24));
  EXPECT_EQ(spec.memory_bytes, 4'000'000'000);
  EXPECT_EQ(spec.segment_bytes, 64'000'000);
  EXPECT_DOUBLE_EQ(spec.shrink_limit, 0.1);
  ASSERT_EQ(spec.connections.size(), 3u);
  const ConnectionSpec& shop = *spec.find_connection("shop");
  EXPECT_EQ(shop.name.at, (Location{7, 3}));
  EXPECT_EQ(shop.connector, "postgres");
  EXPECT_EQ(shop.shown, "host=${env:HOST} dbname=shop user=$${etl");
  EXPECT_EQ(shop.config.get<FakePath>(), nullptr);
  const FakePostgres& config = *shop.config.get<FakePostgres>();
  EXPECT_EQ(config.dsn.value, "host=db.example dbname=shop user=${etl");
  EXPECT_EQ(config.dsn.written, shop.shown);
  EXPECT_EQ(config.password.now()->reveal(), "s3cret");
  EXPECT_EQ(shop.guard.rows_per_second, 50000);
  EXPECT_EQ(shop.guard.connections, 4);
  EXPECT_EQ(shop.guard.replica, "host=replica.example");
  EXPECT_EQ(spec.find_connection("other")->config.get<FakePostgres>()->password.now()->reveal(),
            "a1234");
  EXPECT_FALSE(spec.find_connection("other")->guard.rows_per_second);
  EXPECT_EQ(spec.find_connection("warehouse")->config.get<FakePath>()->path, "warehouse.duckdb");
  EXPECT_EQ(spec.find_connection("nowhere"), nullptr);
}

TEST(ProjectYaml, PricesAreTakenAsTheyAreWritten) {
  TestProject project;
  const LoadedProject loaded =
      project
          .write("tidemark.yaml",
                 "connections: {w: {duckdb: w.duckdb}}\n"
                 "prices: {currency: EUR, cpu_hour: 0.04, gb_read: \"0.1\", gb_written: 2}\n")
          .load();
  EXPECT_EQ(loaded.faults.print(), "");
  const std::optional<PriceSpec>& prices = loaded.project.prices;
  ASSERT_TRUE(prices);
  EXPECT_EQ(prices->currency, "EUR");
  EXPECT_EQ(prices->cpu_hour.billionths(), 40'000'000);
  EXPECT_EQ(prices->gb_read.billionths(), 100'000'000);
  EXPECT_EQ(prices->gb_staged.billionths(), 0);
  EXPECT_EQ(prices->gb_written.billionths(), 2'000'000'000);
}

TEST(ProjectYaml, ACacheHasItsPasswordBesideIt) {
  TestProject project;
  project.set("SHOP_PASSWORD", "s3cret");
  project.write("tidemark.yaml",
                "cache: {redis: \"redis://etl@cache:7000/2\", password: \"${env:SHOP_PASSWORD}\"}\n"
                "connections: {w: {duckdb: w.duckdb}}\n");
  const LoadedProject loaded = project.load();
  EXPECT_EQ(loaded.faults.print(), "");
  ASSERT_TRUE(loaded.project.cache);
  EXPECT_EQ(loaded.project.cache->address, "redis://etl@cache:7000/2");
  EXPECT_EQ(loaded.project.cache->password.now()->reveal(), "s3cret");
  project.write("tidemark.yaml", "cache: redis://cache\nconnections: {w: {duckdb: w.duckdb}}\n");
  EXPECT_EQ(project.load().project.cache->address, "redis://cache");
  project.write("tidemark.yaml", "connections: {w: {duckdb: w.duckdb}}\n");
  EXPECT_FALSE(project.load().project.cache);
}

TEST(ProjectYaml, AStoreInPostgresHasItsPasswordAndSchemaBesideIt) {
  TestProject project;
  project.set("SHOP_PASSWORD", "s3cret");
  project.write("tidemark.yaml",
                "store: {postgres: host=db dbname=t user=u, password: \"${env:SHOP_PASSWORD}\", "
                "schema: sales}\nconnections: {w: {duckdb: w.duckdb}}\n");
  const LoadedProject loaded = project.load();
  EXPECT_EQ(loaded.faults.print(), "");
  const StoreSpec& store = loaded.project.store;
  EXPECT_EQ(store.place, "host=db dbname=t user=u");
  EXPECT_EQ(store.password.now()->reveal(), "s3cret");
  EXPECT_EQ(store.schema, "sales");
  EXPECT_FALSE(store.sqlite_path());
}

struct FaultCase {
  const char* name;
  std::string yaml;
  std::vector<std::string> expected;
};

class ProjectFaults : public testing::TestWithParam<FaultCase> {};

TEST_P(ProjectFaults, AreSaidWithTheirPlace) {
  TestProject project;
  project.write("tidemark.yaml", GetParam().yaml);
  std::vector<std::string> expected;
  for (const std::string& line : GetParam().expected)
    expected.push_back("tidemark.yaml:" + line);
  EXPECT_THAT(project.faults(), ElementsAreArray(expected));
}

std::string shop(const std::string& keys) {
  return "connections:\n  shop: {" + keys + "}\n";
}
std::string with(const std::string& line) {
  return line + "\nconnections: {w: {duckdb: w.duckdb}}\n";
}

INSTANTIATE_TEST_SUITE_P(
    All, ProjectFaults,
    testing::Values(
        FaultCase{"empty", "", {"1:1: the file is empty"}},
        FaultCase{"binary", std::string("a\0", 2), {"1:2: a NUL byte stands in the file"}},
        FaultCase{"text", "x\n", {"1:1: `project` must be a mapping"}},
        FaultCase{"no_connections",
                  "memory: 1GB\n",
                  {"1:1: the key `connections` of `project` is missing"}},
        FaultCase{"connections_empty", "connections:\n", {"1:1: `connections` is empty"}},
        FaultCase{"connections_list",
                  "connections: [a]\n",
                  {"1:14: `connections` must be a mapping of names to connections, not a list"}},
        FaultCase{"unknown_key",
                  with("memry: 1GB"),
                  {"1:1: unknown key `memry`; did you mean `memory`?"}},
        FaultCase{"memory",
                  with("memory: lots"),
                  {"1:9: `memory` must be a size such as 100MB, not `lots`"}},
        FaultCase{"little_memory",
                  with("memory: 1KB"),
                  {"1:9: `memory` must be at least 32MB: the engine needs that much itself"}},
        FaultCase{"prices_of_nothing",
                  with("prices: {cpu_hour: 0.04}"),
                  {"1:9: the key `currency` of `prices` is missing"}},
        FaultCase{"price_below_nothing",
                  with("prices: {currency: EUR, gb_read: -1}"),
                  {"1:34: `gb_read` must be a price such as 0.04, not `-1`"}},
        FaultCase{"currency",
                  with("prices: {currency: euro}"),
                  {"1:20: `currency` must be the three letters of a currency, such as EUR, not "
                   "`euro`"}},
        FaultCase{"no_segment", with("segment: 0MB"), {"1:10: `segment` must be at least 1KB"}},
        FaultCase{"shrink",
                  with("shrink_limit: 120%"),
                  {"1:15: `shrink_limit` must be a percentage such as 0.1%, not `120%`"}},
        FaultCase{"stage_keep", with("stage_keep: 7d"), {"1:13: `stage_keep` is no longer used"}},
        FaultCase{"keep",
                  with("stage: {keep: 7}"),
                  {"1:15: `keep` must be a duration such as 7d, or forever, not `7`"}},
        FaultCase{"cache",
                  with("cache: redis://cache:99999/0"),
                  {"1:8: the address of the cache cannot be read: the port, which is a number from "
                   "1 to 65535"}},
        FaultCase{"cache_secret",
                  with("cache: {redis: \"redis://:hunter2@cache\"}"),
                  {"1:16: a password must not stand in the address of the cache"}},
        FaultCase{"cache_literal_secret",
                  with("cache: {redis: redis://cache, password: hunter2}"),
                  {"1:41: `password` is a secret and must not be written in the file"}},
        FaultCase{"cache_without_address",
                  with("cache: {}"),
                  {"1:8: the key `redis` of `cache` is missing"}},
        FaultCase{"store",
                  with("store: mysql:x"),
                  {"1:8: `store` must be sqlite:PATH or postgres://..., not `mysql:x`"}},
        FaultCase{"store_secret",
                  with("store: postgres://me:hunter2@db/tidemark"),
                  {"1:8: `password` must not stand in the connection text"}},
        FaultCase{"store_literal_secret",
                  with("store: {postgres: host=db, password: hunter2}"),
                  {"1:38: `password` is a secret and must not be written in the file"}},
        FaultCase{"store_schema",
                  with("store: {postgres: host=db, schema: my-schema}"),
                  {"1:36: `my-schema` cannot be the schema of a store"}},
        FaultCase{"connection_text",
                  "connections: {shop: postgres}\n",
                  {"1:21: connection `shop` must be a mapping"}},
        FaultCase{"connection_name",
                  "connections: {my-shop: {duckdb: x}}\n",
                  {"1:15: `my-shop` cannot be the name of a connection"}},
        FaultCase{"no_connector", shop("host: x"), {"2:9: connection `shop` names no connector"}},
        FaultCase{"near_connector",
                  shop("postgre: x"),
                  {"2:10: unknown connector `postgre`; did you mean `postgres`?"}},
        FaultCase{"two_connectors",
                  shop("postgres: x, duckdb: y"),
                  {"2:23: connection `shop` names two connectors, `postgres` and `duckdb`"}},
        FaultCase{"unknown_setting",
                  shop("postgres: x, pasword: \"${env:P}\""),
                  {"2:23: unknown key `pasword`; did you mean `password`?"}},
        FaultCase{"literal_secret",
                  shop("postgres: x, password: hunter2"),
                  {"2:33: `password` is a secret and must not be written in the file"}},
        FaultCase{"escaped_secret",
                  shop("postgres: x, password: \"$${x\""),
                  {"2:33: `password` is a secret and must not be written in the file"}},
        FaultCase{"no_variable",
                  shop("postgres: x, password: \"${env:NOPE}\""),
                  {"2:33: the environment variable `NOPE` is not set"}},
        FaultCase{"bad_reference",
                  shop("postgres: \"${safe:x}\""),
                  {"2:20: `${safe:x}` is no reference"}},
        FaultCase{"open_reference", shop("postgres: \"${env:x\""), {"2:20: a `${` is not closed"}},
        FaultCase{"dsn_with_password",
                  shop("postgres: host=a password=hunter2"),
                  {"2:20: `postgres` holds a password"}},
        FaultCase{"guard_elsewhere",
                  "connections: {w: {duckdb: x, guard: {connections: 1}}}\n",
                  {"1:30: unknown key `guard`"}},
        FaultCase{"guard_of_another",
                  "connections: {m: {files: x, guard: {connections: 1, replica: y}}}\n",
                  {"1:53: `replica` does not work with this connector"}},
        FaultCase{
            "guard_unknown", shop("postgres: x, guard: {rows: 1}"), {"2:31: unknown key `rows`"}},
        FaultCase{"guard_zero",
                  shop("postgres: x, guard: {connections: 0}"),
                  {"2:44: `connections` must be a whole number from 1 to 1000, not `0`"}},
        FaultCase{
            "guard_text",
            shop("postgres: x, guard: {rows_per_second: 1e6}"),
            {"2:48: `rows_per_second` must be a whole number from 1 to 1000000000, not `1e6`"}}),
    [](const testing::TestParamInfo<FaultCase>& info) { return std::string(info.param.name); });

TEST(ProjectFaults, NeverRepeatASecret) {
  TestProject project;
  project.set("P", "s3cret")
      .write("tidemark.yaml",
             "store: \"${env:P}\"\nconnections:\n  a: {postgres: x, password: hunter2}\n"
             "  b: {postgres: x, password: [hunter2]}\n");
  const std::string printed = project.load().faults.print();
  EXPECT_THAT(printed, HasSubstr("`store` must be sqlite:PATH or postgres://..., not `${env:P}`"));
  EXPECT_THAT(printed, HasSubstr("write ${env:NAME} and set that variable"));
  EXPECT_THAT(printed, testing::Not(HasSubstr("hunter2")));
  EXPECT_THAT(printed, testing::Not(HasSubstr("s3cret")));
}

TEST(ProjectFaults, AMissingSecretFile) {
  TestProject project;
  project.write("tidemark.yaml", shop("postgres: x, password: \"${file:nope}\""));
  EXPECT_THAT(project.faults(), ElementsAre(HasSubstr("tidemark.yaml:2:33: there is no file `")));
}

}  // namespace
}  // namespace tidemark
