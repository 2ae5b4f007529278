#include "spec/job_when.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "spec/config_spec.h"
#include "spec/job_parts.h"

namespace tidemark {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Long enough for whoever writes a file bit by bit.
constexpr milliseconds file_settle{5'000};

struct RawWhen {
  std::optional<Name> file;
  std::optional<Name> table;
  std::optional<Name> dataset;
  std::optional<Located<milliseconds>> check;
  std::optional<Located<milliseconds>> settle;
};

const char* example_of(Watched kind) {
  switch (kind) {
    case Watched::file:
      return "write connection.pattern, for example landing.orders-*.csv";
    case Watched::table:
    case Watched::dataset:
      return "write connection.table or connection.schema.table";
  }
  return "";
}

// `connection.what`.
bool read_watched(const Name& written, ReadContext& context, WhenSpec& when) {
  const std::size_t dot = written.value.find('.');
  if (dot == std::string::npos || dot == 0 || dot + 1 == written.value.size()) {
    context.fault(written.at, "`" + written.value + "` does not name a connection and what of it",
                  example_of(when.kind));
    return false;
  }
  when.connection = {written.value.substr(0, dot), written.at};
  when.what = written.value.substr(dot + 1);
  when.at = written.at;
  const std::string padded = "/" + when.what + "/";
  if (when.kind == Watched::file &&
      (when.what.starts_with('/') || padded.find("/../") != std::string::npos)) {
    context.fault(written.at, "`" + when.what + "` leaves the folder of its connection",
                  "write a pattern inside it, or a connection for the other folder");
    return false;
  }
  return true;
}

bool read_times(const RawWhen& raw, ReadContext& context, WhenSpec& when) {
  const std::size_t faults_before = context.fault_count();
  if (when.kind == Watched::file) when.settle = file_settle;
  if (raw.check) when.check = raw.check->value;
  if (raw.settle) when.settle = raw.settle->value;
  if (raw.check && (when.check < seconds(1) || when.check > std::chrono::days(1))) {
    context.fault(raw.check->at, "`check` is less than a second or more than a day",
                  "write for example check: 10s");
  }
  if (when.kind == Watched::file && when.settle.count() > 0 && when.settle < seconds(1)) {
    context.fault(raw.settle->at, "`settle` of files is less than a second",
                  "a file may be half-written: write settle: 1s, or more");
  }
  if (when.settle > std::chrono::days(1))
    context.fault(raw.settle->at, "`settle` is more than a day", "write for example settle: 1m");
  return context.fault_count() == faults_before;
}

bool to_when(RawWhen&& raw, const YamlNode& node, ReadContext& context, WhenSpec& when) {
  const int named =
      int(raw.file.has_value()) + int(raw.table.has_value()) + int(raw.dataset.has_value());
  when.at = place(node.at);
  if (named != 1) {
    context.fault(place(node.at),
                  named == 0 ? "`when` does not say what it watches"
                             : "`when` watches one thing, and names " + std::to_string(named),
                  "write one of `file`, `table` and `dataset`");
    return false;
  }
  when.kind = raw.file ? Watched::file : raw.table ? Watched::table : Watched::dataset;
  const bool read = read_watched(raw.file    ? *raw.file
                                 : raw.table ? *raw.table
                                             : *raw.dataset,
                                 context, when);
  return read_times(raw, context, when) && read;
}

std::string folded(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : static_cast<char>(c);
  });
  return text;
}

// Whether a name with {table} and {schema} in it can be that table.
bool may_be(std::string_view name, std::string_view table) {
  const std::size_t open = name.find('{');
  const std::size_t close = name.find('}', open == std::string_view::npos ? 0 : open);
  if (open == std::string_view::npos || close == std::string_view::npos) return name == table;
  if (!table.starts_with(name.substr(0, open))) return false;
  const std::string_view rest = name.substr(close + 1);
  for (std::size_t end = open + 1; end <= table.size(); ++end) {
    if (may_be(rest, table.substr(end))) return true;
  }
  return false;
}

}  // namespace

ValueSpec<WhenSpec> when_value() {
  ConfigSpec<RawWhen> spec("when",
                           "What the job watches; it runs when that has changed. One of `file`, "
                           "`table` and `dataset`. See "
                           "[Schedules](../schedule.md#when-something-changed).",
                           "{file: \"landing.orders-*.csv\", check: 10s, settle: 5s}");
  spec.field("file", &RawWhen::file, config::name("connection.pattern"),
             {.default_note = "none",
              .description = "Files of a folder: one of them is new, or has changed.",
              .example = "\"landing.orders-*.csv\""})
      .field(
          "table", &RawWhen::table, config::name("connection.[schema.]table"),
          {.default_note = "none",
           .description = "A table of a PostgreSQL or SQLite connection: somebody wrote into it.",
           .example = "shop.public.orders"})
      .field("dataset", &RawWhen::dataset, config::name("connection.[schema.]table"),
             {.default_note = "none",
              .description = "A table that another job of the project loads: a run of it loaded "
                             "rows, or took some out.",
              .example = "warehouse.mart.orders"})
      .field("check", &RawWhen::check, config::located(config::duration()),
             {.default_note = "10s",
              .description = "How often it is looked at, 1s or more.",
              .example = "1m"})
      .field("settle", &RawWhen::settle, config::located(config::duration()),
             {.default_note = "5s for files, else none",
              .description = "How long nothing more must have changed. Files: 1s or more, so that "
                             "half-written ones are waited for.",
              .example = "30s"});
  return config::converted<WhenSpec, RawWhen>(config::object(std::move(spec)), to_when);
}

void check_when(const JobSpec& job, const ProjectSpec& project, const ConnectorCatalog& catalog,
                Faults& faults) {
  if (!job.schedule.when || job.schedule.when->connection.value.empty()) return;
  const WhenSpec& when = *job.schedule.when;
  const ConnectionSpec* connection = project.find_connection(when.connection.value);
  if (connection == nullptr) {
    std::vector<std::string> known;
    for (const ConnectionSpec& one : project.connections)
      known.push_back(one.name.value);
    faults.add(job.file, when.at,
               "`when` names the unknown connection `" + when.connection.value + "`" +
                   did_you_mean(when.connection.value, known),
               example_of(when.kind));
    return;
  }
  const ConnectorSpec* connector = catalog.find(connection->connector);
  if (connector == nullptr || when.kind == Watched::dataset) return;
  const std::string kind(to_string(when.kind));
  if (connector->traits().watched == kind) return;
  const std::string said = connector->traits().watched;
  faults.add(job.file, when.at,
             "connection `" + when.connection.value + "` (" + connection->connector +
                 ") cannot say whether a " + kind + " of it has changed",
             said.empty() ? "write every: 10s instead of `when`; a run that finds nothing new "
                            "costs little"
                          : "write " + said + ": " + when.connection.value + "." + when.what);
}

void take_writers(std::vector<ReadJob>& jobs, Faults& faults) {
  for (ReadJob& job : jobs) {
    if (!job.spec.schedule.when || job.spec.schedule.when->kind != Watched::dataset) continue;
    WhenSpec& when = *job.spec.schedule.when;
    when.loaded_by.clear();
    if (when.connection.value.empty()) continue;
    for (const ReadJob& other : jobs) {
      const TargetSpec& to = other.spec.to;
      if (to.connection.value == when.connection.value &&
          may_be(folded(to.table.value), folded(when.what)))
        when.loaded_by.push_back(other.spec.name);
    }
    if (!when.loaded_by.empty()) continue;
    faults.add(
        job.spec.file, when.at,
        "no job of this project loads `" + when.what + "` of `" + when.connection.value + "`",
        "name a table as a job's `to` has it; `table:` watches one that others write");
  }
}

}  // namespace tidemark
