// Whose SQL a query is: the source's, where the source has one of its own.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "spec/test_project.h"

namespace tidemark {
namespace {

using ::testing::ElementsAre;

ConnectorCatalog catalog_with_two_languages() {
  ConnectorCatalog catalog;
  for (const bool own_sql : {true, false}) {
    ConfigSpec<FakePath> spec(own_sql ? "shop" : "lake", "A source.", "{shop: x}");
    spec.field(own_sql ? "shop" : "lake", &FakePath::path, config::text("a path"),
               {.required = true, .description = "Where it is."});
    catalog.add(ConnectorSpec::of(
        std::move(spec), {.source_keys = {"query"}, .own_sql = own_sql, .is_target = true}));
  }
  return catalog;
}

std::vector<std::string> faults_of(const TestProject& project) {
  const ConnectorCatalog catalog = catalog_with_two_languages();
  FakeSqlCheck check;
  std::vector<std::string> lines;
  const LoadedProject loaded = load_project(project.root(), catalog, &check);
  for (const SpecFault& fault : loaded.faults.list())
    lines.push_back(fault.headline());
  return lines;
}

void write_job(TestProject& project, const std::string& from, const std::string& rest = {}) {
  project.write("tidemark.yaml", "connections:\n  shop: {shop: a}\n  lake: {lake: b}\n")
      .write("jobs/orders.yaml", job_with(from, "{connection: lake, table: orders}", rest));
}

TEST(OwnSql, AQueryInTheSourcesSqlIsForTheSourceToJudge) {
  TestProject project;
  write_job(project, "{connection: shop, query: select wrong}");
  EXPECT_THAT(faults_of(project), ElementsAre());
}

TEST(OwnSql, AQueryInTheEnginesSqlIsChecked) {
  TestProject project;
  write_job(project, "{connection: lake, query: select wrong}");
  EXPECT_THAT(faults_of(project),
              ElementsAre("jobs/orders.yaml:1:40: this is not valid SQL: `wrong` is wrong"));
}

TEST(OwnSql, AFileOfTheEnginesSqlIsCheckedInItsOwnPlace) {
  TestProject project;
  write_job(project, "{connection: lake, query: orders.sql}");
  project.write("jobs/orders.sql", "select *\nfrom wrong\n");
  EXPECT_THAT(faults_of(project),
              ElementsAre("jobs/orders.sql:2:6: this is not valid SQL: `wrong` is wrong"));
}

TEST(OwnSql, AFileThatIsNoSqlIsNotRead) {
  for (const std::string name : {"secrets/password", ".hidden/a.sql", "jobs/../.hidden/a.sql"}) {
    TestProject project;
    write_job(project, "{connection: lake, query: " + name + "}");
    project.write("secrets/password", "hunter2").write(".hidden/a.sql", "hunter2");
    const std::vector<std::string> faults = faults_of(project);
    ASSERT_EQ(faults.size(), 1U) << name;
    EXPECT_EQ(faults.front().find("hunter2"), std::string::npos) << faults.front();
  }
}

TEST(OwnSql, StepsAndRulesAreTheEnginesWhateverTheSource) {
  TestProject project;
  write_job(project, "{connection: shop, query: select 1}",
            "transform: [{sql: select wrong from rows}]\nrules: {a: b > wrong}\n");
  EXPECT_EQ(faults_of(project).size(), 2U);
}

TEST(OwnSql, WithoutAKnownConnectionThatIsTheOnlyFault) {
  TestProject project;
  write_job(project, "{connection: shopp, query: select wrong}");
  const std::vector<std::string> faults = faults_of(project);
  ASSERT_EQ(faults.size(), 1U);
  EXPECT_NE(faults.front().find("unknown connection `shopp`"), std::string::npos);
}

}  // namespace
}  // namespace tidemark
