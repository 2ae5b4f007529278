// Whole folders: what is found, what is said about several files together, and how fast.
#include "spec/project_load.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>

#include "spec/job_yaml.h"
#include "spec/json_schema.h"
#include "spec/reference.h"
#include "spec/test_project.h"

namespace tidemark {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string copy_job(const std::string& table, const std::string& rest = {}) {
  return job_with(good_from, "{connection: warehouse, table: " + table + "}", rest);
}

TEST(ProjectLoad, JobsComeByName) {
  TestProject project;
  project.with_connections()
      .write("jobs/b.yaml", copy_job("b"))
      .write("jobs/a.yaml", copy_job("a", "after: b\n"))
      .write("jobs/notes.txt", "not a job")
      .write("jobs/sub/c.yaml", "not a job either");
  const LoadedProject loaded = project.load();
  EXPECT_EQ(loaded.faults.print(), "");
  EXPECT_THAT(loaded.job_names(), ElementsAre("a", "b"));
  ASSERT_NE(loaded.find_job("b"), nullptr);
  EXPECT_EQ(loaded.find_job("b")->file, "jobs/b.yaml");
  EXPECT_EQ(loaded.find_job("c"), nullptr);
}

TEST(ProjectLoad, NoProject) {
  TestProject project;
  EXPECT_THAT(project.faults(), ElementsAre("tidemark.yaml: the file is missing"));
  const ConnectorCatalog catalog;
  EXPECT_EQ(load_project(project.root() / "nowhere", catalog, nullptr).faults.size(), 1u);
}

TEST(ProjectLoad, NoJobsYetIsFine) {
  TestProject project;
  project.with_connections();
  std::filesystem::remove(project.root() / "jobs");
  EXPECT_TRUE(project.faults().empty());
}

TEST(ProjectLoad, AllFaultsOfAllFilesInOnePass) {
  TestProject project;
  project
      .write("tidemark.yaml",
             "memory: lots\nconnections:\n  shop: {postgres: x, password: \"${env:NO}\"}\n")
      .write("jobs/a.yaml",
             job_with("{connection: shop, table: t}", "{connection: nowhere, table: t}"))
      .write("jobs/b.yaml", "from: [\n")
      .write("jobs/c.yml", copy_job("c"))
      .write("jobs/d e.yaml", copy_job("d"))
      .write("jobs/e.yaml", copy_job("e", "evry: 1h\n"));
  EXPECT_THAT(project.faults(),
              ElementsAre("jobs/a.yaml:2:18: unknown connection `nowhere`",
                          HasSubstr("jobs/b.yaml:2:1: this is not valid YAML"),
                          "jobs/c.yml: a job file must end in .yaml",
                          "jobs/d e.yaml: `d e` cannot be the name of a job",
                          "jobs/d e.yaml:2:18: unknown connection `warehouse`",
                          "jobs/e.yaml:2:18: unknown connection `warehouse`",
                          "jobs/e.yaml:3:1: unknown key `evry`; did you mean `every`?",
                          "tidemark.yaml:1:9: `memory` must be a size such as 100MB, not `lots`",
                          "tidemark.yaml:3:33: the environment variable `NO` is not set"));
}

TEST(ProjectLoad, ABrokenProjectFileDoesNotMakeConnectionsUnknown) {
  TestProject project;
  project.write("tidemark.yaml", "connections: [\n").write("jobs/a.yaml", copy_job("a"));
  EXPECT_THAT(project.faults(),
              ElementsAre(HasSubstr("tidemark.yaml:2:1: this is not valid YAML")));
}

TEST(ProjectLoad, TwoJobsThatWriteOneTable) {
  TestProject project;
  project.with_connections()
      .write("jobs/a.yaml", copy_job("mart.orders"))
      .write("jobs/b.yaml", copy_job("Mart.Orders"))
      .write("jobs/c.yaml", copy_job("orders"));
  EXPECT_THAT(project.faults(),
              ElementsAre("jobs/b.yaml:2:36: job `a` writes `Mart.Orders` of `warehouse` too"));
}

TEST(ProjectLoad, JobsThatWaitInACircle) {
  TestProject project;
  project.with_connections()
      .write("jobs/a.yaml", copy_job("a", "after: b\n"))
      .write("jobs/b.yaml", copy_job("b", "after: [c]\n"))
      .write("jobs/c.yaml", copy_job("c", "after: [a]\n"))
      .write("jobs/d.yaml", copy_job("d", "after: [a]\n"));
  EXPECT_THAT(project.faults(),
              ElementsAre("jobs/a.yaml:3:8: `after` runs in a circle: `b` waits for `a`",
                          "jobs/b.yaml:3:9: `after` runs in a circle: `c` waits for `b`",
                          "jobs/c.yaml:3:9: `after` runs in a circle: `a` waits for `c`"));
}

TEST(ProjectLoad, AFolderOrALinkToNowhereInPlaceOfAJob) {
  TestProject project;
  project.with_connections();
  std::filesystem::create_directory(project.root() / "jobs/a.yaml");
  std::filesystem::create_symlink("nowhere", project.root() / "jobs/b.yaml");
  EXPECT_THAT(project.faults(), ElementsAre(HasSubstr("jobs/a.yaml: the file cannot be read: "),
                                            "jobs/b.yaml: the file is missing"));
}

TEST(ProjectLoad, AnOversizedJobIsOneFault) {
  TestProject project;
  project.with_connections().write("jobs/a.yaml", std::string(1'000'001, '#'));
  EXPECT_THAT(project.faults(), ElementsAre(HasSubstr("is larger than 1000000 bytes")));
}

// The files a reader of the documentation meets first.
TEST(ProjectLoad, TheFilesOfTheDocumentation) {
  TestProject project;
  project.set("SHOP_PASSWORD", "x").write("jobs/shipments.sql", "select * from rows\n");
  project.write(
      "tidemark.yaml",
      R"(store: sqlite:.tidemark/store.db            # or postgres://... when several servers share it
stage: .tidemark/stage                      # or s3://bucket/prefix
connections:
  shop:
    postgres: host=db.example dbname=shop user=etl
    password: ${env:SHOP_PASSWORD}          # never written in the file
    guard: {rows_per_second: 50000, connections: 4, replica: host=replica.example}
  landing:   {files: data}                  # a folder; later s3://bucket/prefix
  warehouse: {duckdb: warehouse.duckdb}
)");
  project.write("jobs/readings.yaml",
                R"(from: {connection: landing, files: "readings-*.csv", nulls: [NA]}
to:   {connection: warehouse, table: readings, load: append}
)");
  project.write("jobs/orders.yaml",
                R"(from:  {connection: shop, table: public.orders, watermark: updated_at}
to:    {connection: warehouse, table: mart.orders, load: upsert, key: [order_id]}
every: 1h
)");
  project.write(
      "jobs/copy.yaml",
      R"(from: {connection: shop, tables: [public.*], except: [public.tmp_*], watermark: updated_at}
to:   {connection: warehouse, table: "raw.{table}", load: upsert}
)");
  project.write("jobs/shipments.yaml", R"(from:
  connection: shop
  query: select * from shipments            # Tidemark adds the window; the query never mentions it
  watermark: shipped_at
transform:
  - lookup: {from: warehouse.dim_customer, match: customer_id, add: [segment, country], missing: quarantine}
  - units:  {weight: {from: lb, to: kg}}
  - derive: {order_day: ordered_at::date, margin: price - cost}
  - sql:    shipments.sql                   # reads the relation `rows`
rules:
  price_not_negative: price >= 0
  known_country: country in (select code from warehouse.countries)
quarantine: {alert_above: 0.1%}             # stop_above: off unless set
to: {connection: warehouse, table: mart.shipments, load: append}
)");
  const LoadedProject loaded = project.load();
  EXPECT_EQ(loaded.faults.print(), "");
  const JobSpec& shipments = *loaded.find_job("shipments");
  EXPECT_EQ(std::get<QueryInput>(shipments.from.input).query.text, "select * from shipments");
  EXPECT_EQ(std::get<SqlStep>(shipments.transform.at(3).kind).query.file, "jobs/shipments.sql");
  EXPECT_EQ(shipments.rules.at(1).check.text, "country in (select code from warehouse.countries)");
}

TEST(ProjectLoad, AJobIsReadFromItsKeptTexts) {
  TestProject project;
  project.with_connections();
  const std::string text =
      "from: {connection: shop, table: t}\ntransform: [{sql: steps.sql}]\n"
      "to: {connection: warehouse, table: t}\n";
  project.write("jobs/a.yaml", text);
  project.write("jobs/steps.sql", "select 1 as one from rows");
  const LoadedProject before = project.load();
  const JobSpec& then = *before.find_job("a");
  EXPECT_EQ(then.texts,
            (JobTexts{{"jobs/a.yaml", text}, {"jobs/steps.sql", "select 1 as one from rows"}}));
  project.write("jobs/steps.sql", "select 2 as two from rows");
  const LoadedProject after = project.load();
  EXPECT_NE(after.find_job("a")->content_hash, then.content_hash) << "the SQL file counts too";
  const auto kept = read_kept_job(then.name, then.texts);
  ASSERT_TRUE(kept.ok()) << kept.error().message;
  EXPECT_EQ(kept->content_hash, then.content_hash);
  EXPECT_EQ(std::get<SqlStep>(kept->transform.at(0).kind).query.text, "select 1 as one from rows");
  // A file that was not kept is not taken from the disk, and a text that is wrong now says so.
  const auto less = read_kept_job(then.name, {{"jobs/a.yaml", text}});
  ASSERT_FALSE(less.ok());
  EXPECT_NE(less.error().describe().find("steps.sql"), std::string::npos)
      << less.error().describe();
}

// The limit of the whole command is 0.5 s in a release build; this one holds
// under sanitizers on a busy machine.
TEST(ProjectLoad, AThousandJobsLoadFast) {
  TestProject project;
  project.with_connections();
  for (int i = 0; i < 1000; ++i) {
    const std::string name = "job_" + std::to_string(i);
    project.write("jobs/" + name + ".yaml",
                  "from:  {connection: shop, table: public." + name +
                      ", watermark: updated_at}\n"
                      "transform:\n"
                      "  - lookup: {from: warehouse.dim_customer, match: customer_id, add: "
                      "[segment, country]}\n"
                      "  - derive: {order_day: ordered_at::date, margin: price - cost}\n"
                      "rules:\n"
                      "  price_not_negative: price >= 0\n"
                      "to:    {connection: warehouse, table: mart." +
                      name +
                      ", load: upsert, key: [order_id]}\n"
                      "every: 1h\n");
  }
  const auto start = std::chrono::steady_clock::now();
  const LoadedProject loaded = project.load();
  const auto taken = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::steady_clock::now() - start);
  EXPECT_EQ(loaded.faults.print(), "");
  EXPECT_EQ(loaded.jobs.size(), 1000u);
  RecordProperty("milliseconds", static_cast<int>(taken.count()));
  std::printf("1,000 jobs loaded in %lld ms\n", static_cast<long long>(taken.count()));
  EXPECT_LT(taken.count(), 15'000);
}

// --- what describes itself
// -------------------------------------------------------------------------

TEST(Reference, HasAPageForEverything) {
  const std::vector<ReferencePage> pages = reference_pages(fake_catalog());
  std::vector<std::string> files;
  for (const ReferencePage& page : pages)
    files.push_back(page.file);
  EXPECT_THAT(files, ElementsAre("project.md", "job.md", "transform.md", "connectors/postgres.md",
                                 "connectors/duckdb.md", "connectors/files.md", "types.md"));
  EXPECT_THAT(pages[0].text, HasSubstr("| `memory` | a size such as 100MB | `1GB` | "));
  EXPECT_THAT(pages[1].text, HasSubstr("| `from` | "));
  EXPECT_THAT(pages[1].text, HasSubstr("## `to`"));
  EXPECT_THAT(pages[2].text, HasSubstr("## `lookup`"));
  EXPECT_THAT(pages[2].text, HasSubstr("{here: there}"));
  EXPECT_THAT(pages[2].text, HasSubstr("`match: {dest: faa}`"));
  EXPECT_THAT(pages[3].text, HasSubstr("## `guard`"));
  EXPECT_THAT(pages[4].text, HasSubstr("It cannot be a source"));
  EXPECT_THAT(pages[6].text, HasSubstr("## A source"));
  EXPECT_THAT(pages[6].text, HasSubstr("| a\\|b | `BIGINT` |"));
  const std::vector<ReferencePage> again = reference_pages(fake_catalog());
  for (std::size_t i = 0; i < pages.size(); ++i)
    EXPECT_EQ(pages[i].text, again[i].text);
}

TEST(Reference, SchemasHoldEveryKey) {
  const std::string job = job_json_schema();
  for (const char* key :
       {"$schema", "\"from\"", "\"lookup\"", "\"stop_above\"", "\"min_guarantee\"", "\"cron\""}) {
    EXPECT_THAT(job, HasSubstr(key));
  }
  const std::string project = project_json_schema(fake_catalog());
  for (const char* key :
       {"\"connections\"", "\"postgres\"", "\"rows_per_second\"", "\"default\": \"100MB\""}) {
    EXPECT_THAT(project, HasSubstr(key));
  }
  EXPECT_EQ(job, job_json_schema());
}

// The examples that stand in the pages and schemas are tried.
TEST(Reference, ExamplesWork) {
  const ObjectDoc& job = *job_doc();
  TestProject project;
  project.with_connections().write("jobs/example.yaml", job.example);
  EXPECT_TRUE(project.faults().empty());
  project.write("jobs/shipments.sql", "select * from rows").write("jobs/orders.sql", "select 1");
  for (const FieldDoc& field : job.fields) {
    if (field.name == "transform") {
      for (const FieldDoc& step : field.value.parts.front().object->fields) {
        project.write("jobs/example.yaml",
                      job_with(good_from, good_to,
                               "transform:\n  - " + step.name + ": " + step.example + "\n"));
        EXPECT_THAT(project.faults(), ElementsAre()) << step.name;
      }
    } else if (field.name != "from" && field.name != "to" && field.name != "after" &&
               field.name != "timezone" && field.name != "pool" && field.name != "calendar" &&
               field.name != "on_day_off" && field.name != "when") {
      const bool limit = field.name == "starts" || field.name == "ends";
      project.write(
          "jobs/example.yaml",
          job_with(good_from,
                   field.name == "deletes"
                       ? "{connection: warehouse, table: t, load: upsert, key: [id]}"
                       : good_to,
                   (limit ? "every: 1h\n" : "") + field.name + ": " + field.example + "\n"));
      EXPECT_THAT(project.faults(), ElementsAre()) << field.name;
    }
  }
}

}  // namespace
}  // namespace tidemark
