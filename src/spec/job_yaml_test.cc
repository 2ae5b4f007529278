// What a job file means: every value it can hold, and every default.
#include "spec/job_yaml.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "spec/test_project.h"

namespace tidemark {
namespace {

using testing::ElementsAre;

JobSpec job_of(const std::string& yaml) {
  TestProject project;
  project.with_connections().write("jobs/orders.yaml", yaml);
  return project.job();
}

std::vector<std::string> values(const std::vector<Name>& names) {
  std::vector<std::string> list;
  for (const Name& name : names)
    list.push_back(name.value);
  return list;
}

std::vector<std::string> pairs(const std::vector<NamePair>& names) {
  std::vector<std::string> list;
  for (const NamePair& pair : names)
    list.push_back(pair.from.value + "=" + pair.to.value);
  return list;
}

template <class Step>
Step only_step(const std::string& yaml) {
  const JobSpec job = job_of(job_with(good_from, good_to, "transform:\n  - " + yaml + "\n"));
  EXPECT_EQ(job.transform.size(), 1u);
  EXPECT_EQ(job.transform.at(0).at, (Location{4, 5}));
  return std::get<Step>(job.transform.at(0).kind);
}

TEST(JobYaml, DefaultsOfASmallJob) {
  const JobSpec job = job_of(job_with(good_from, good_to));
  EXPECT_EQ(job.name.get(), "orders");
  EXPECT_EQ(job.file, "jobs/orders.yaml");
  EXPECT_TRUE(job.enabled);
  EXPECT_EQ(job.description, "");
  EXPECT_TRUE(job.tags.empty() && job.transform.empty() && job.rules.empty());
  EXPECT_EQ(job.from.connection.value, "shop");
  EXPECT_EQ(job.from.connection.at, (Location{1, 20}));
  EXPECT_EQ(std::get<TableInput>(job.from.input).table.value, "public.orders");
  EXPECT_FALSE(job.from.watermark || job.from.min_guarantee || job.from.timezone);
  EXPECT_EQ(job.from.null_cursor, NullCursor::fail);
  EXPECT_EQ(job.to.load, LoadStrategy::full);
  EXPECT_FALSE(job.to.load_declared);
  EXPECT_EQ(job.to.on_duplicate, OnDuplicate::last);
  EXPECT_FALSE(job.to.allow_empty);
  EXPECT_FALSE(job.to.shrink_limit);
  EXPECT_FALSE(job.quarantine.alert_above || job.quarantine.stop_above);
  EXPECT_FALSE(job.schedule.every || job.schedule.cron || job.schedule.timezone ||
               job.schedule.timeout);
}

TEST(JobYaml, TheDefaultOfLoadFollowsFromTheJob) {
  struct Case {
    const char* from;
    const char* to;
    LoadStrategy load;
  };
  for (const Case& tried : {Case{"table: t", "", LoadStrategy::full},
                            Case{"table: t", ", key: id", LoadStrategy::upsert},
                            Case{"table: t, watermark: w", "", LoadStrategy::append},
                            Case{"table: t, watermark: w", ", key: id", LoadStrategy::upsert},
                            Case{"table: t, watermark: w", ", load: full", LoadStrategy::full}}) {
    const JobSpec job =
        job_of(job_with(std::string("{connection: shop, ") + tried.from + "}",
                        std::string("{connection: warehouse, table: t") + tried.to + "}"));
    EXPECT_EQ(job.to.load, tried.load) << tried.from << tried.to;
  }
  EXPECT_EQ(job_of(job_with("{connection: landing, files: a.csv}", good_to)).to.load,
            LoadStrategy::append);
}

TEST(JobYaml, ReadsTables) {
  const JobSpec job = job_of(
      "from: {connection: shop, tables: [public.*, \"audit.log\"], except: public.tmp_*, "
      "watermark: updated_at,\n"
      "       null_cursor: every_run, timezone: Europe/Berlin, min_guarantee: exact-upsert}\n"
      "to: {connection: warehouse, table: \"raw.{table}\", load: upsert}\n");
  const TablesInput& input = std::get<TablesInput>(job.from.input);
  EXPECT_THAT(values(input.tables), ElementsAre("public.*", "audit.log"));
  EXPECT_THAT(values(input.except), ElementsAre("public.tmp_*"));
  EXPECT_EQ(job.from.watermark->value, "updated_at");
  EXPECT_EQ(job.from.null_cursor, NullCursor::every_run);
  EXPECT_EQ(job.from.timezone->value, "Europe/Berlin");
  EXPECT_EQ(job.from.min_guarantee->value, Guarantee::exact_upsert);
  EXPECT_TRUE(job.to.load_declared);
}

TEST(JobYaml, ReadsFiles) {
  const JobSpec job = job_of(
      "from: {connection: landing, files: [a-*.csv.gz, b.tsv], nulls: [NA, \"\", -999], header: "
      "false,\n"
      "       delimiter: \"\\t\", columns: {zip: varchar, price: \"decimal(12,2)\"}}\n"
      "to: {connection: warehouse, table: t}\n");
  const FilesInput& input = std::get<FilesInput>(job.from.input);
  EXPECT_THAT(values(input.patterns), ElementsAre("a-*.csv.gz", "b.tsv"));
  EXPECT_EQ(input.format, FileFormat::csv);
  EXPECT_THAT(input.nulls, ElementsAre("NA", "", "-999"));
  EXPECT_EQ(input.header, false);
  EXPECT_EQ(input.delimiter, "\t");
  ASSERT_EQ(job.from.columns.size(), 2u);
  EXPECT_EQ(job.from.columns[1].name.value, "price");
  EXPECT_EQ(job.from.columns[1].type.value, "decimal(12,2)");
}

TEST(JobYaml, TheFormatFollowsFromTheName) {
  struct Case {
    const char* keys;
    FileFormat format;
  };
  for (const Case& tried :
       {Case{"files: a.csv", FileFormat::csv}, Case{"files: a.json.zst", FileFormat::json},
        Case{"files: \"*.ndjson\"", FileFormat::json},
        Case{"files: a.parquet", FileFormat::parquet},
        Case{"files: a.txt, format: csv", FileFormat::csv},
        Case{"files: a.csv, format: parquet", FileFormat::parquet}}) {
    const JobSpec job =
        job_of(job_with(std::string("{connection: landing, ") + tried.keys + "}", good_to));
    EXPECT_EQ(std::get<FilesInput>(job.from.input).format, tried.format) << tried.keys;
  }
}

TEST(JobYaml, ReadsTheTarget) {
  const JobSpec job = job_of(job_with(good_from,
                                      "{connection: warehouse, table: mart.orders, load: upsert, "
                                      "key: [a, b], on_duplicate: first}"));
  EXPECT_EQ(job.to.load, LoadStrategy::upsert);
  EXPECT_THAT(values(job.to.key), ElementsAre("a", "b"));
  EXPECT_EQ(job.to.on_duplicate, OnDuplicate::first);
  const JobSpec full = job_of(job_with(
      good_from,
      "{connection: warehouse, table: t, load: full, allow_empty: true, shrink_limit: 10%}"));
  EXPECT_TRUE(full.to.allow_empty);
  EXPECT_DOUBLE_EQ(*full.to.shrink_limit, 0.1);
}

TEST(JobYaml, ReadsTheSchedule) {
  const JobSpec job =
      job_of(job_with(good_from, good_to,
                      "cron: \"0 2 * * MON-FRI\"\ntimezone: Europe/Berlin\ntimeout: 2h\n"
                      "enabled: false\ndescription: Orders\ntags: [a, b]\n"));
  EXPECT_EQ(job.schedule.cron->value, "0 2 * * MON-FRI");
  EXPECT_EQ(job.schedule.timezone->value, "Europe/Berlin");
  EXPECT_EQ(job.schedule.timeout, std::chrono::hours(2));
  EXPECT_FALSE(job.enabled);
  EXPECT_EQ(job.description, "Orders");
  EXPECT_THAT(job.tags, ElementsAre("a", "b"));
  EXPECT_EQ(job_of(job_with(good_from, good_to, "every: 5s\n")).schedule.every,
            std::chrono::seconds(5));
}

TEST(JobYaml, ReadsWhatItPromises) {
  EXPECT_FALSE(job_of(job_with(good_from, good_to)).slo);
  const JobSpec job = job_of(job_with(good_from, good_to,
                                      "every: 1h\n"
                                      "slo: {freshness: 90m, duration: 10m, start: 30s, "
                                      "objective: 99.5%}\n"));
  ASSERT_TRUE(job.slo);
  EXPECT_EQ(job.slo->freshness, std::chrono::minutes(90));
  EXPECT_EQ(job.slo->duration, std::chrono::minutes(10));
  EXPECT_EQ(job.slo->start, std::chrono::seconds(30));
  EXPECT_DOUBLE_EQ(job.slo->objective, 0.995);
  EXPECT_EQ(job.slo->at, (Location{4, 6}));
  EXPECT_EQ(job.slo->start_at, (Location{4, 45}));
  const JobSpec small = job_of(job_with(good_from, good_to, "slo: {freshness: 1d}\n"));
  ASSERT_TRUE(small.slo);
  EXPECT_FALSE(small.slo->duration || small.slo->start);
  EXPECT_DOUBLE_EQ(small.slo->objective, 0.99);
  EXPECT_EQ(small.slo->start_at.line, 0);
}

TEST(JobYaml, ReadsRules) {
  const JobSpec job = job_of(job_with(good_from, good_to,
                                      "rules:\n"
                                      "  z_first: price >= 0\n"
                                      "  a_second: {check: country is not null, nulls: pass, "
                                      "column: country, message: no country}\n"
                                      "quarantine: {alert_above: 0.1%, stop_above: 5%}\n"));
  ASSERT_EQ(job.rules.size(), 2u);
  EXPECT_EQ(job.rules[0].name.value, "z_first");
  EXPECT_EQ(job.rules[0].check.text, "price >= 0");
  EXPECT_EQ(job.rules[0].check.locate(6), (Location{4, 18}));
  EXPECT_EQ(job.rules[0].nulls, RuleNulls::fail);
  EXPECT_FALSE(job.rules[0].column || job.rules[0].message);
  EXPECT_EQ(job.rules[1].nulls, RuleNulls::pass);
  EXPECT_EQ(job.rules[1].column->value, "country");
  EXPECT_EQ(job.rules[1].message, "no country");
  EXPECT_DOUBLE_EQ(*job.quarantine.alert_above, 0.001);
  EXPECT_DOUBLE_EQ(*job.quarantine.stop_above, 0.05);
}

TEST(JobSteps, LookupShort) {
  const auto lookup =
      only_step<LookupStep>("lookup: {from: warehouse.mart.dim, match: id, add: [a, b]}");
  EXPECT_EQ(lookup.from.connection.value, "warehouse");
  EXPECT_EQ(lookup.from.table, "mart.dim");
  EXPECT_THAT(pairs(lookup.match), ElementsAre("id=id"));
  EXPECT_THAT(pairs(lookup.add), ElementsAre("a=a", "b=b"));
  EXPECT_EQ(lookup.missing, MissingKey::keep);
  EXPECT_TRUE(lookup.defaults.empty());
}

TEST(JobSteps, LookupWithNamesThatDiffer) {
  const auto lookup = only_step<LookupStep>(
      "lookup: {from: warehouse.dim, match: {dest: faa}, add: {city: name, tz: tz}, missing: "
      "default, "
      "default: {city: '', tz: null}}");
  // The rows' column, then the table's: what the pages say and what the step does.
  EXPECT_THAT(pairs(lookup.match), ElementsAre("dest=faa"));
  EXPECT_THAT(pairs(lookup.add), ElementsAre("city=name", "tz=tz"));
  EXPECT_EQ(lookup.missing, MissingKey::use_default);
  ASSERT_EQ(lookup.defaults.size(), 2u);
  EXPECT_EQ(lookup.defaults[0].text, "");
  EXPECT_EQ(lookup.defaults[1].column.value, "tz");
  EXPECT_FALSE(lookup.defaults[1].text);
}

TEST(JobSteps, Units) {
  const auto units = only_step<UnitsStep>(
      "units: {weight: {from: lb, to: kg}, temp: {from: °F, to: °C, as: temp_c}}");
  ASSERT_EQ(units.changes.size(), 2u);
  EXPECT_EQ(units.changes[0].column.value, "weight");
  EXPECT_FALSE(units.changes[0].as);
  EXPECT_EQ(units.changes[1].from.value, "°F");
  EXPECT_EQ(units.changes[1].as->value, "temp_c");
}

TEST(JobSteps, DeriveKeepsItsOrderAndItsPlaces) {
  const auto derive =
      only_step<DeriveStep>("derive: {z: ordered_at::date, a: price - cost, flag: true}");
  ASSERT_EQ(derive.columns.size(), 3u);
  EXPECT_EQ(derive.columns[0].name.value, "z");
  EXPECT_EQ(derive.columns[0].sql.text, "ordered_at::date");
  EXPECT_EQ(derive.columns[1].sql.text, "price - cost");
  EXPECT_EQ(derive.columns[1].sql.locate(8), (Location{4, 46}));
  EXPECT_EQ(derive.columns[2].sql.text, "true");
}

TEST(JobSteps, TheRest) {
  EXPECT_THAT(pairs(only_step<RenameStep>("rename: {old: new}").names), ElementsAre("old=new"));
  EXPECT_THAT(values(only_step<SelectStep>("select: [b, a]").columns), ElementsAre("b", "a"));
  EXPECT_THAT(values(only_step<DropStep>("drop: a").columns), ElementsAre("a"));
  const auto cast = only_step<CastStep>("cast: {price: \"decimal(12,2)\"}");
  EXPECT_EQ(cast.columns.at(0).type.value, "decimal(12,2)");
  const auto dedupe = only_step<DedupeStep>("dedupe: {key: [id], order: ts desc}");
  EXPECT_THAT(values(dedupe.key), ElementsAre("id"));
  EXPECT_EQ(dedupe.order.text, "ts desc");
  const auto sql = only_step<SqlStep>("sql: select * from rows");
  EXPECT_EQ(sql.query.text, "select * from rows");
  EXPECT_EQ(sql.query.file, "jobs/orders.yaml");
}

TEST(JobSteps, SqlFilesAreFoundBesideTheJobAndInTheProject) {
  TestProject project;
  project.with_connections()
      .write("jobs/orders.yaml",
             job_with(good_from, good_to, "transform: [{sql: a.sql}, {sql: sql/b.sql}]\n"))
      .write("jobs/a.sql", "select 1\n")
      .write("a.sql", "select 0\n")
      .write("sql/b.sql", "select\n 2\n");
  const JobSpec job = project.job();
  const SqlText& beside = std::get<SqlStep>(job.transform.at(0).kind).query;
  EXPECT_EQ(beside.text, "select 1\n");
  EXPECT_EQ(beside.file, "jobs/a.sql");
  const SqlText& in_project = std::get<SqlStep>(job.transform.at(1).kind).query;
  EXPECT_EQ(in_project.file, "sql/b.sql");
  EXPECT_EQ(in_project.locate(8), (Location{2, 2}));
}

}  // namespace
}  // namespace tidemark
