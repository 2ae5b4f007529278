// The `to` of a job.
#include <utility>

#include "spec/config_spec.h"
#include "spec/job_parts.h"

namespace tidemark {

namespace {

struct RawTarget {
  Name connection;
  Name table;
  std::optional<Located<LoadStrategy>> load;
  std::vector<Name> key;
  std::optional<Located<OnDuplicate>> on_duplicate;
  std::optional<Located<bool>> allow_empty;
  std::optional<Located<double>> shrink_limit;
  std::optional<Located<Replace>> replace;
};

// Placeholders of the table's name: {table} and {schema} only.
void check_placeholders(const Name& table, ReadContext& context) {
  const std::string& text = table.value;
  for (std::size_t at = text.find('{'); at != std::string::npos; at = text.find('{', at + 1)) {
    const std::size_t end = text.find('}', at);
    const std::string word = text.substr(at, end == std::string::npos ? end : end - at + 1);
    if (word == "{table}" || word == "{schema}") continue;
    context.fault(table.at, "`" + word + "` is no placeholder of a table's name",
                  "write {table} or {schema}");
  }
}

// Keys that say something with one strategy only. The strategy may still be a default that the
// source decides; job_checks.cc looks at those.
void check_strategy(const RawTarget& raw, ReadContext& context) {
  if (!raw.load) return;
  const std::string load(to_string(raw.load->value));
  const auto only = [&](bool wrong, Location at, const std::string& key,
                        const std::string& needed) {
    if (!wrong) return;
    context.fault(at, "`" + key + "` means nothing with `load: " + load + "`",
                  "write load: " + needed + ", or remove " + key);
  };
  const LoadStrategy strategy = raw.load->value;
  if (!raw.key.empty()) only(strategy == LoadStrategy::append, raw.key.front().at, "key", "upsert");
  if (raw.on_duplicate)
    only(strategy != LoadStrategy::upsert, raw.on_duplicate->at, "on_duplicate", "upsert");
  if (raw.allow_empty)
    only(strategy != LoadStrategy::full, raw.allow_empty->at, "allow_empty", "full");
  if (raw.shrink_limit)
    only(strategy != LoadStrategy::full, raw.shrink_limit->at, "shrink_limit", "full");
  if (raw.replace) only(strategy != LoadStrategy::full, raw.replace->at, "replace", "full");
}

bool to_target(RawTarget&& raw, const YamlNode&, ReadContext& context, TargetSpec& target) {
  const std::size_t faults_before = context.fault_count();
  check_placeholders(raw.table, context);
  check_strategy(raw, context);
  check_distinct(raw.key, "the key column", context);
  target.connection = std::move(raw.connection);
  target.table = std::move(raw.table);
  if (raw.load) {
    target.load = raw.load->value;
    target.load_declared = true;
    target.load_at = raw.load->at;
  }
  target.key = std::move(raw.key);
  if (raw.on_duplicate) target.on_duplicate = raw.on_duplicate->value;
  if (raw.allow_empty) target.allow_empty = raw.allow_empty->value;
  if (raw.shrink_limit) target.shrink_limit = raw.shrink_limit->value;
  if (raw.replace) {
    target.replace = raw.replace->value;
    target.replace_at = raw.replace->at;
  }
  return context.fault_count() == faults_before;
}

}  // namespace

ValueSpec<TargetSpec> target_value() {
  ConfigSpec<RawTarget> spec(
      "to", "Where a job's rows go, and how.",
      "connection: warehouse\ntable: mart.orders\nload: upsert\nkey: [order_id]\n");
  spec.field(
          "connection", &RawTarget::connection, config::text("the name of a connection"),
          {.required = true, .description = "The connection to load into.", .example = "warehouse"})
      .field("table", &RawTarget::table, config::text("the name of a table"),
             {.required = true,
              .description = "The table, `[schema.]table`; made when it is missing. A job of many "
                             "tables writes `{table}` "
                             "(and `{schema}`) in it.",
              .example = "mart.orders"})
      .field("load", &RawTarget::load,
             config::choice<LoadStrategy>({{"full", LoadStrategy::full},
                                           {"append", LoadStrategy::append},
                                           {"upsert", LoadStrategy::upsert}}),
             {.default_note = "upsert with a key, append with a watermark or files, else full",
              .description = "`full` replaces the table's content, `append` adds rows, `upsert` "
                             "replaces rows by key.",
              .example = "upsert"})
      .field("key", &RawTarget::key,
             config::list_or_one(config::name("the name of a column"), "a list of columns"),
             {.default_note = "the source table's primary key, with load: upsert",
              .description = "The columns that tell rows apart. With full it refuses rows without "
                             "them, and lets a PostgreSQL target change only the rows that differ.",
              .example = "[order_id]"})
      .field(
          "on_duplicate", &RawTarget::on_duplicate,
          config::choice<OnDuplicate>({{"last", OnDuplicate::last},
                                       {"first", OnDuplicate::first},
                                       {"fail", OnDuplicate::fail}}),
          {.default_note = "last",
           .description = "With upsert, which of several rows of one key in a window is loaded: by "
                          "the watermark, then in the order they were read. A `dedupe` step "
                          "chooses by another column.",
           .example = "fail"})
      .field("allow_empty", &RawTarget::allow_empty, config::boolean(),
             {.default_note = "false",
              .description = "With full, whether an empty source may empty the table.",
              .example = "true"})
      .field("shrink_limit", &RawTarget::shrink_limit, config::percent(),
             {.default_note = "the project's",
              .description =
                  "With full, the share of rows that may disappear before the load is blocked.",
              .example = "10%"})
      .field("replace", &RawTarget::replace,
             config::choice<Replace>({{"rows", Replace::rows}, {"table", Replace::table}}),
             {.default_note = "rows",
              .description =
                  "With full into PostgreSQL: `rows` keeps the table that is there and all that "
                  "hangs on it. `table` puts a new table in its place, which takes no more room "
                  "than its rows; it refuses tables with views, foreign keys, grants, triggers or "
                  "anything else that would be lost.",
              .example = "table"});
  return config::converted<TargetSpec, RawTarget>(config::object(std::move(spec)), to_target);
}

}  // namespace tidemark
