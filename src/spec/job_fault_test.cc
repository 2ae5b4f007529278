// Every fault of a job file: its text and its place. Each case is one job file and what is said of
// it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "spec/test_project.h"

namespace tidemark {
namespace {

using testing::ElementsAre;
using testing::ElementsAreArray;

struct FaultCase {
  const char* name;
  std::string yaml;
  std::vector<std::string> expected;  // without the file's name
};

class JobFaults : public testing::TestWithParam<FaultCase> {};

TEST_P(JobFaults, AreSaidWithTheirPlace) {
  TestProject project;
  project.with_connections().write("jobs/orders.yaml", GetParam().yaml);
  std::vector<std::string> expected;
  for (const std::string& line : GetParam().expected)
    expected.push_back("jobs/orders.yaml:" + line);
  EXPECT_THAT(project.faults(), ElementsAreArray(expected));
}

std::string test_name(const testing::TestParamInfo<FaultCase>& info) {
  return info.param.name;
}

std::string from(const std::string& keys) {
  return job_with("{connection: shop, " + keys + "}", good_to);
}
std::string files(const std::string& keys) {
  return job_with("{connection: landing, " + keys + "}", good_to);
}
std::string to(const std::string& keys) {
  return job_with(good_from, "{connection: warehouse, table: orders, " + keys + "}");
}
std::string rest(const std::string& lines) {
  return job_with(good_from, good_to, lines);
}
std::string step(const std::string& step) {
  return rest("transform:\n  - " + step + "\n");
}

INSTANTIATE_TEST_SUITE_P(
    Whole, JobFaults,
    testing::Values(
        FaultCase{"empty", "", {"1:1: the file is empty"}},
        FaultCase{"comment", "# later\n", {"1:1: the file is empty"}},
        FaultCase{"text", "hello\n", {"1:1: `job` must be a mapping"}},
        FaultCase{"list", "- a\n", {"1:1: `job` must be a mapping"}},
        FaultCase{
            "nothing_needed",
            "description: x\n",
            {"1:1: the key `from` of `job` is missing", "1:1: the key `to` of `job` is missing"}},
        FaultCase{
            "unknown_key", rest("evry: 1h\n"), {"3:1: unknown key `evry`; did you mean `every`?"}},
        FaultCase{"unknown_key_of_from",
                  from("tabel: public.orders"),
                  {"1:7: `from` does not say what to read",
                   "1:26: unknown key `tabel`; did you mean `table`?"}},
        FaultCase{"unknown_far", rest("xxxxxxxxxxx: 1\n"), {"3:1: unknown key `xxxxxxxxxxx`"}},
        FaultCase{
            "doubled", rest("every: 1h\nevery: 2h\n"), {"4:1: the key `every` is written twice"}},
        FaultCase{"from_is_text", job_with("shop", good_to), {"1:7: `from` must be a mapping"}},
        FaultCase{"from_is_empty", job_with("", good_to), {"1:1: `from` is empty"}},
        FaultCase{"reference_in_a_job",
                  from("table: \"${env:TABLE}\""),
                  {"1:33: `${...}` works in tidemark.yaml only"}},
        FaultCase{"many_at_once",
                  "from: {connection: shopp, table: [a]}\nto: {connection: warehose, table: t, "
                  "load: appendd}\n"
                  "every: soon\n",
                  {"1:20: unknown connection `shopp`; did you mean `shop`?",
                   "1:34: `table` must be the name of a table, not a list",
                   "2:18: unknown connection `warehose`; did you mean `warehouse`?",
                   "2:44: `load` must be one of full, append, upsert, not `appendd`; did you mean "
                   "`append`?",
                   "3:8: `every` must be a duration such as 5m or 1h, not `soon`"}}),
    test_name);

INSTANTIATE_TEST_SUITE_P(
    From, JobFaults,
    testing::Values(
        FaultCase{"no_connection",
                  job_with("{table: t}", good_to),
                  {"1:7: the key `connection` of `from` is missing"}},
        FaultCase{"no_input", from("watermark: id"), {"1:7: `from` does not say what to read"}},
        FaultCase{"two_inputs",
                  from("table: t, query: select 1"),
                  {"1:43: `from` has both `table` and `query`"}},
        FaultCase{"not_a_source",
                  job_with("{connection: warehouse, table: t}", good_to),
                  {"1:20: connection `warehouse` (duckdb) cannot be read from"}},
        FaultCase{"files_from_a_server",
                  from("files: \"*.csv\""),
                  {"1:26: `files` does not work with connection `shop` (postgres)"}},
        FaultCase{"table_from_files",
                  files("table: t"),
                  {"1:29: `table` does not work with connection `landing` (files)"}},
        FaultCase{"watermark_with_files",
                  files("files: a.csv, watermark: id"),
                  {"1:43: `watermark` does not work with connection `landing` (files)",
                   "1:54: `watermark` does not work with `files`"}},
        FaultCase{"except_alone",
                  from("table: t, except: [a]"),
                  {"1:44: `except` means nothing without `tables`"}},
        FaultCase{"null_cursor_alone",
                  from("table: t, null_cursor: once"),
                  {"1:49: `null_cursor` means nothing without `watermark`"}},
        FaultCase{"timezone_alone",
                  from("table: t, timezone: Europe/Berlin"),
                  {"1:46: `timezone` means nothing without `watermark`"}},
        FaultCase{"bad_timezone",
                  from("table: t, watermark: w, timezone: Berlin"),
                  {"1:60: `timezone` must be a time zone such as Europe/Berlin, not `Berlin`"}},
        FaultCase{
            "unknown_timezone",
            from("table: t, watermark: w, timezone: Europe/Berln"),
            {"1:60: `timezone` must be a time zone such as Europe/Berlin, not `Europe/Berln`"}},
        FaultCase{"bad_null_cursor",
                  from("table: t, watermark: w, null_cursor: ones"),
                  {"1:63: `null_cursor` must be one of fail, every_run, once, not `ones`; did you "
                   "mean `once`?"}},
        FaultCase{"bad_guarantee",
                  from("table: t, min_guarantee: exactly"),
                  {"1:51: `min_guarantee` must be one of exact, exact-upsert, bounded, "
                   "best-effort, not `exactly`; "
                   "did you mean `exact`?"}},
        FaultCase{"bad_query",
                  from("query: select wrong"),
                  {"1:40: this is not valid SQL: `wrong` is wrong"}},
        FaultCase{"empty_query",
                  from("query: \"\""),
                  {"1:33: `query` must be a SQL query, or the name of a file that "
                   "holds one, not ``"}},
        FaultCase{"no_query_file",
                  from("query: orders.sql"),
                  {"1:33: there is no SQL file `orders.sql`"}},
        FaultCase{"query_outside",
                  from("query: ../../etc/passwd"),
                  {"1:33: `../../etc/passwd` points out of the project"}},
        FaultCase{"query_absolute",
                  from("query: /etc/passwd"),
                  {"1:33: `/etc/passwd` points out of the project"}},
        FaultCase{"format_unknown",
                  files("files: data.bin"),
                  {"1:36: `data.bin` does not tell the format of the files"}},
        FaultCase{"formats_mixed",
                  files("files: [a.csv, b.parquet]"),
                  {"1:44: `b.parquet` has another format than the files before it"}},
        FaultCase{"header_of_json",
                  files("files: a.jsonl, header: true"),
                  {"1:53: `header` works with CSV files only"}},
        FaultCase{"delimiter_long",
                  files("files: a.csv, delimiter: ';;'"),
                  {"1:54: `delimiter` must be one character, not `;;`"}},
        FaultCase{"nulls_of_parquet",
                  files("files: a.parquet, nulls: [NA]"),
                  {"1:54: `nulls` does not work with Parquet files"}},
        FaultCase{"unquoted_null",
                  files("files: a.csv, nulls: [null]"),
                  {"1:51: an item of `nulls` must be a text, not empty"}},
        FaultCase{"bad_type",
                  files("files: a.csv, columns: {zip: varchr}"),
                  {"1:58: `varchr` is not a type"}},
        FaultCase{"no_files",
                  files("files: []"),
                  {"1:36: `files` must be a file pattern or a list of them, not an "
                   "empty list"}},
        FaultCase{"header_is_yes",
                  files("files: a.csv, header: yes"),
                  {"1:51: `header` must be true or false, not `yes`"}}),
    test_name);

INSTANTIATE_TEST_SUITE_P(
    To, JobFaults,
    testing::Values(
        FaultCase{"not_a_target",
                  job_with(good_from, "{connection: landing, table: t}"),
                  {"2:18: connection `landing` (files) cannot be loaded into"}},
        FaultCase{"no_table",
                  job_with(good_from, "{connection: warehouse}"),
                  {"2:5: the key `table` of `to` is missing"}},
        FaultCase{"key_for_append",
                  to("load: append, key: [id]"),
                  {"2:64: `key` means nothing with `load: append`"}},
        FaultCase{"key_twice", to("key: [id, id]"), {"2:54: the key column `id` is named twice"}},
        FaultCase{"key_empty",
                  to("key: []"),
                  {"2:49: `key` must be a list of columns, not an empty list"}},
        FaultCase{"on_duplicate_alone",
                  to("load: full, on_duplicate: fail"),
                  {"2:70: `on_duplicate` means nothing with `load: full`"}},
        FaultCase{"allow_empty_append",
                  to("load: append, allow_empty: true"),
                  {"2:71: `allow_empty` means nothing with `load: append`"}},
        FaultCase{"shrink_limit_upsert",
                  to("load: upsert, key: [id], shrink_limit: 5%"),
                  {"2:83: `shrink_limit` means nothing with `load: upsert`"}},
        FaultCase{"replace_upsert",
                  to("load: upsert, key: [id], replace: table"),
                  {"2:78: `replace` does not work with connection `warehouse` (duckdb)",
                   "2:78: `replace` means nothing with `load: upsert`"}},
        FaultCase{"replace_duckdb",
                  to("load: full, replace: table"),
                  {"2:65: `replace` does not work with connection `warehouse` (duckdb)"}},
        FaultCase{
            "allow_empty_implied",
            job_with(good_from, "{connection: warehouse, table: t, key: [id], allow_empty: true}"),
            {"2:18: `allow_empty` means nothing with `load: upsert` (it follows from the rest of "
             "the job)"}},
        FaultCase{"shrink_limit_bad",
                  to("shrink_limit: 0.5"),
                  {"2:58: `shrink_limit` must be a percentage such as 0.1%, not `0.5`"}},
        FaultCase{"upsert_query_no_key",
                  job_with("{connection: shop, query: select 1}",
                           "{connection: warehouse, table: t, load: upsert}"),
                  {"2:45: `load: upsert` needs `key`"}},
        FaultCase{"upsert_files_no_key",
                  job_with("{connection: landing, files: a.csv}",
                           "{connection: warehouse, table: t, load: upsert}"),
                  {"2:45: `load: upsert` needs `key`"}},
        FaultCase{"many_into_one",
                  job_with("{connection: shop, tables: [public.*]}", good_to),
                  {"2:36: a job of many `tables` would load them all into `orders`"}},
        FaultCase{"placeholder_alone",
                  job_with(good_from, "{connection: warehouse, table: \"raw.{table}\"}"),
                  {"2:36: a placeholder in `table` needs `tables` in `from`"}},
        FaultCase{"placeholder_unknown",
                  job_with("{connection: shop, tables: [a]}",
                           "{connection: warehouse, table: \"{tabel}.{table}\"}"),
                  {"2:36: `{tabel}` is no placeholder of a table's name"}}),
    test_name);

INSTANTIATE_TEST_SUITE_P(
    Steps, JobFaults,
    testing::Values(
        FaultCase{"unknown_step",
                  step("lokup: {}"),
                  {"4:5: unknown step `lokup`; did you mean `lookup`?"}},
        FaultCase{"step_is_text",
                  step("drop"),
                  {"4:5: a step of `transform` must be a mapping with one key"}},
        FaultCase{"two_steps_in_one",
                  step("drop: [a]\n    select: [b]"),
                  {"5:5: a step of `transform` has two keys, `drop` and `select`"}},
        FaultCase{"step_empty", step("drop:"), {"4:5: `drop` is empty"}},
        FaultCase{"transform_is_map",
                  rest("transform: {drop: [a]}\n"),
                  {"3:12: `transform` must be a list of steps, not a mapping"}},
        FaultCase{"lookup_needs",
                  step("lookup: {from: warehouse.t}"),
                  {"4:13: the key `add` of `lookup` is missing",
                   "4:13: the key `match` of `lookup` is missing"}},
        FaultCase{"lookup_unknown",
                  step("lookup: {from: warehous.t, match: a, add: b}"),
                  {"4:20: unknown connection `warehous`; did you mean `warehouse`?"}},
        FaultCase{"lookup_no_connection",
                  step("lookup: {from: dim, match: a, add: b}"),
                  {"4:20: `dim` does not name a table of a connection"}},
        FaultCase{"lookup_default_missing",
                  step("lookup: {from: warehouse.t, match: a, add: b, missing: default}"),
                  {"4:60: `missing: default` needs `default`"}},
        FaultCase{"lookup_default_alone",
                  step("lookup: {from: warehouse.t, match: a, add: b, default: {b: 1}}"),
                  {"4:60: `default` means nothing without `missing: default`"}},
        FaultCase{"lookup_default_unknown",
                  step("lookup: {from: warehouse.t, match: a, add: [seg], missing: default, "
                       "default: {sag: 1}}"),
                  {"4:83: `default` names `sag`, which `add` does not add; did you mean `seg`?"}},
        FaultCase{"lookup_missing",
                  step("lookup: {from: warehouse.t, match: a, add: b, missing: drop}"),
                  {"4:60: `missing` must be one of keep, quarantine, default, not `drop`"}},
        FaultCase{"lookup_add_twice",
                  step("lookup: {from: warehouse.t, match: a, add: [b, b]}"),
                  {"4:52: the column `b` is named twice"}},
        FaultCase{"units_needs",
                  step("units: {weight: {from: lb}}"),
                  {"4:21: the key `to` of `units` is missing"}},
        FaultCase{"derive_sql",
                  step("derive: {a: 1 + wrong}"),
                  {"4:21: this is not valid SQL: `wrong` is wrong"}},
        FaultCase{"derive_list",
                  step("derive: [a]"),
                  {"4:13: `derive` must be a mapping of columns to SQL expressions, not a list"}},
        FaultCase{"rename_twice",
                  step("rename: {a: c, b: c}"),
                  {"4:23: the new column `c` is named twice"}},
        FaultCase{"drop_twice", step("drop: [a, a]"), {"4:15: the column `a` is named twice"}},
        FaultCase{"cast_type", step("cast: {a: intt}"), {"4:15: `intt` is not a type"}},
        FaultCase{"dedupe_needs",
                  step("dedupe: {key: [a]}"),
                  {"4:13: the key `order` of `dedupe` is missing"}},
        FaultCase{"dedupe_order",
                  step("dedupe: {key: [a], order: b, wrong desc}"),
                  {"4:34: unknown key `wrong desc`"}},
        FaultCase{"dedupe_order_sql",
                  step("dedupe: {key: [a], order: wrong desc}"),
                  {"4:31: this is not valid SQL: `wrong` is wrong"}},
        FaultCase{"sql_inline",
                  step("sql: |\n      select\n        wrong\n      from rows"),
                  {"6:9: this is not valid SQL: `wrong` is wrong"}}),
    test_name);

INSTANTIATE_TEST_SUITE_P(
    Rest, JobFaults,
    testing::Values(
        FaultCase{"rule_sql",
                  rest("rules:\n  a: price >= wrong\n"),
                  {"4:15: this is not valid SQL: `wrong` is wrong"}},
        FaultCase{"rule_no_check",
                  rest("rules:\n  a: {nulls: pass}\n"),
                  {"4:6: the key `check` of `rules` is missing"}},
        FaultCase{"rule_nulls",
                  rest("rules:\n  a: {check: b, nulls: maybe}\n"),
                  {"4:24: `nulls` must be one of fail, pass, not `maybe`"}},
        FaultCase{"rules_list",
                  rest("rules: [a]\n"),
                  {"3:8: `rules` must be a mapping of names to conditions, not a list"}},
        FaultCase{"quarantine_percent",
                  rest("quarantine: {alert_above: 0.1}\n"),
                  {"3:27: `alert_above` must be a percentage such as 0.1%, not `0.1`"}},
        FaultCase{"quarantine_order",
                  rest("quarantine: {alert_above: 5%, stop_above: 1%}\n"),
                  {"3:27: `alert_above` is more than `stop_above`, so it would never alert"}},
        FaultCase{"slo_empty", rest("slo: {objective: 99%}\n"), {"3:6: `slo` promises nothing"}},
        FaultCase{"slo_unit",
                  rest("slo: {freshness: 1}\n"),
                  {"3:18: `freshness` must be a duration such as 5m or 1h, not `1`"}},
        FaultCase{"slo_text", rest("slo: 1h\n"), {"3:6: `slo` must be a mapping"}},
        FaultCase{"slo_share",
                  rest("slo: {freshness: 1h, objective: 99}\n"),
                  {"3:33: `objective` must be a percentage such as 0.1%, not `99`"}},
        FaultCase{"slo_all",
                  rest("slo: {freshness: 1h, objective: 100%}\n"),
                  {"3:33: `objective` must be more than 0% and less than 100%"}},
        FaultCase{"slo_none",
                  rest("slo: {freshness: 1h, objective: 0%}\n"),
                  {"3:33: `objective` must be more than 0% and less than 100%"}},
        FaultCase{"slo_never_due",
                  rest("slo: {start: 5m}\n"),
                  {"3:14: the job does not run by itself, so no run of it is due"}},
        FaultCase{"every_and_cron",
                  rest("every: 1h\ncron: 0 2 * * *\n"),
                  {"4:7: the job has both `every` and `cron`"}},
        FaultCase{"every_zero",
                  rest("every: 0s\n"),
                  {"3:8: `every` must be a duration such as 5m or 1h, not `0s`"}},
        FaultCase{"cron_short", rest("cron: 0 2 * *\n"), {"3:7: `0 2 * *`: it has 4 fields"}},
        FaultCase{"cron_hour", rest("cron: 0 24 * * *\n"), {"3:7: `0 24 * * *`: `24` is no hour"}},
        FaultCase{"every_long", rest("every: 400d\n"), {"3:8: `every` is more than a year"}},
        FaultCase{"every_short", rest("every: 500ms\n"), {"3:8: `every` is less than a second"}},
        FaultCase{"cron_star",
                  rest("cron: * * * * *\n"),
                  {"3:8: this is not valid YAML: alias not found after *"}},
        FaultCase{"zone_without_cron",
                  rest("every: 1h\ntimezone: UTC\n"),
                  {"4:11: `timezone` means nothing without `cron` or a day"}},
        FaultCase{"after_both",
                  rest("after: {all: [orders], any: [orders]}\n"),
                  {"3:8: `after` has both `all` and `any`",
                   "3:30: `after` runs in a circle: `orders` waits for `orders`"}},
        FaultCase{"after_none", rest("after: {failed: run}\n"), {"3:8: `after` names no job"}},
        FaultCase{
            "verify_never", rest("verify: {budget: 5m}\n"), {"3:9: `verify` does not say when"}},
        FaultCase{"verify_both",
                  rest("verify: {every: 1d, cron: \"0 3 * * *\"}\n"),
                  {"3:27: the job has both `every` and `cron`"}},
        FaultCase{"after_unknown",
                  rest("after: [oders]\n"),
                  {"3:9: `after` names the unknown job `oders`; did you mean `orders`?"}},
        FaultCase{"after_itself",
                  rest("after: orders\n"),
                  {"3:8: `after` runs in a circle: `orders` waits for `orders`"}},
        FaultCase{
            "enabled", rest("enabled: 1\n"), {"3:10: `enabled` must be true or false, not `1`"}},
        FaultCase{"timeout",
                  rest("timeout: [1h]\n"),
                  {"3:10: `timeout` must be a duration such as 5m or 1h, not a list"}},
        FaultCase{"tags",
                  rest("tags: {a: b}\n"),
                  {"3:7: `tags` must be a list of words, not a mapping"}}),
    test_name);

TEST(JobFaults, SqlFilesPointIntoThemselves) {
  TestProject project;
  project.with_connections()
      .write("jobs/orders.yaml", step("sql: orders.sql"))
      .write("jobs/orders.sql", "select *\nfrom größe, wrong\n");
  EXPECT_THAT(project.faults(),
              ElementsAre("jobs/orders.sql:2:13: this is not valid SQL: `wrong` is wrong"));
}

TEST(JobFaults, HintsSayWhatToWrite) {
  TestProject project;
  project.with_connections().write("jobs/orders.yaml", from("table: t, watermak: id"));
  const LoadedProject loaded = project.load();
  ASSERT_EQ(loaded.faults.size(), 1u);
  EXPECT_EQ(
      loaded.faults.list().front().print(),
      "jobs/orders.yaml:1:36: unknown key `watermak`; did you mean `watermark`?\n"
      "    hint: the keys here are connection, table, tables, except, query, files, "
      "watermark, null_cursor, "
      "timezone, allow_seq_scan, min_guarantee, readers, split_by, format, columns, nulls, header, "
      "delimiter");
  EXPECT_EQ(loaded.faults.as_error().code, "spec.faults");
}

}  // namespace
}  // namespace tidemark
