#include "spec/job_checks.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "spec/job_when.h"

namespace tidemark {

namespace {

bool holds(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

bool written(Location at) {
  return at.line > 0;
}

void check_load(const JobSpec& job, Faults& faults) {
  const TargetSpec& to = job.to;
  if (to.load_declared && to.load == LoadStrategy::upsert && to.key.empty() &&
      written(job.from.input_at)) {
    const bool query = std::holds_alternative<QueryInput>(job.from.input);
    if (query || std::holds_alternative<FilesInput>(job.from.input)) {
      faults.add(job.file, to.load_at, "`load: upsert` needs `key`",
                 std::string(query ? "a query has" : "files have") +
                     " no primary key; add for example key: [id]");
    }
  }
  if (to.load_declared) return;
  // The strategy follows from the rest, so keys of another one are a misunderstanding.
  const std::string load(to_string(to.load));
  const std::string why = " (it follows from the rest of the job)";
  if (to.load != LoadStrategy::full && to.allow_empty) {
    faults.add(job.file, to.connection.at,
               "`allow_empty` means nothing with `load: " + load + "`" + why,
               "write load: full, or remove allow_empty");
  }
  if (to.load != LoadStrategy::full && to.shrink_limit) {
    faults.add(job.file, to.connection.at,
               "`shrink_limit` means nothing with `load: " + load + "`" + why,
               "write load: full, or remove shrink_limit");
  }
  if (to.load != LoadStrategy::full && written(to.replace_at)) {
    faults.add(job.file, to.replace_at, "`replace` means nothing with `load: " + load + "`" + why,
               "write load: full, or remove replace");
  }
}

void check_deletes(const JobSpec& job, Faults& faults) {
  if (!job.deletes) return;
  const Location at = job.deletes->at;
  const std::string load(to_string(job.to.load));
  if (job.to.load == LoadStrategy::full) {
    faults.add(job.file, at, "`deletes` means nothing with `load: full`",
               "a full load has exactly the source's rows; remove deletes, or write load: upsert "
               "and a key");
  } else if (job.to.load == LoadStrategy::append) {
    faults.add(job.file, at, "`deletes` means nothing with `load: append`",
               "rows are found again by a key: write load: upsert and a key");
  }
  if (std::holds_alternative<FilesInput>(job.from.input) && written(job.from.input_at)) {
    faults.add(job.file, at, "`deletes` cannot be told from files",
               "it needs a table or a query of PostgreSQL, MySQL or SQLite");
  }
  if (!job.deletes->mark) return;
  for (const Name& key : job.to.key) {
    if (key.value != job.deletes->mark->value) continue;
    faults.add(job.file, job.deletes->mark->at, "`mark` names a column of the key",
               "name a column of its own, for example gone_at");
  }
}

void check_table_name(const JobSpec& job, Faults& faults) {
  const Name& table = job.to.table;
  if (!written(table.at) || !written(job.from.input_at)) return;
  const bool many = std::holds_alternative<TablesInput>(job.from.input);
  const bool placeholder = holds(table.value, "{table}");
  if (many && !placeholder) {
    faults.add(job.file, table.at,
               "a job of many `tables` would load them all into `" + table.value + "`",
               "write {table} in the name, for example \"raw.{table}\"");
  } else if (!many && (placeholder || holds(table.value, "{schema}"))) {
    faults.add(job.file, table.at, "a placeholder in `table` needs `tables` in `from`",
               "write the table's name, or read several tables");
  }
}

const ConnectionSpec* find_connection(const Name& name, const JobSpec& job,
                                      const ProjectSpec& project, Faults& faults) {
  if (name.value.empty()) return nullptr;
  if (const ConnectionSpec* found = project.find_connection(name.value)) return found;
  std::vector<std::string> known;
  for (const ConnectionSpec& connection : project.connections)
    known.push_back(connection.name.value);
  faults.add(job.file, name.at,
             "unknown connection `" + name.value + "`" + did_you_mean(name.value, known),
             known.empty() ? "tidemark.yaml has no connections"
                           : "tidemark.yaml has " + list_words(known));
  return nullptr;
}

std::string described(const ConnectionSpec& connection) {
  return "connection `" + connection.name.value + "` (" + connection.connector + ")";
}

void check_source(const ReadJob& job, const ProjectSpec& project, const ConnectorCatalog& catalog,
                  Faults& faults) {
  const ConnectionSpec* connection =
      find_connection(job.spec.from.connection, job.spec, project, faults);
  const ConnectorSpec* connector =
      connection == nullptr ? nullptr : catalog.find(connection->connector);
  if (connector == nullptr) return;
  if (!connector->is_source()) {
    faults.add(job.spec.file, job.spec.from.connection.at,
               described(*connection) + " cannot be read from",
               "sources are connections of " + list_words(catalog.source_names()));
    return;
  }
  const std::vector<std::string>& keys = connector->traits().source_keys;
  for (const Name& key : job.source_keys) {
    if (key.value == "connection" || key.value == "min_guarantee") continue;
    // Unknown keys have a fault already.
    if (!is_source_key(key.value)) continue;
    if (std::find(keys.begin(), keys.end(), key.value) != keys.end()) continue;
    faults.add(job.spec.file, key.at,
               "`" + key.value + "` does not work with " + described(*connection),
               "it takes " + list_words(keys));
  }
}

void check_target(const ReadJob& job, const ProjectSpec& project, const ConnectorCatalog& catalog,
                  Faults& faults) {
  const ConnectionSpec* connection =
      find_connection(job.spec.to.connection, job.spec, project, faults);
  const ConnectorSpec* connector =
      connection == nullptr ? nullptr : catalog.find(connection->connector);
  if (connector == nullptr) return;
  if (connector->traits().is_target) {
    if (written(job.spec.to.replace_at) && !connector->traits().replaces_rows) {
      faults.add(job.spec.file, job.spec.to.replace_at,
                 "`replace` does not work with " + described(*connection), "remove it");
    }
    return;
  }
  faults.add(job.spec.file, job.spec.to.connection.at,
             described(*connection) + " cannot be loaded into",
             "targets are connections of " + list_words(catalog.target_names()));
}

void check_one_writer(const std::vector<ReadJob>& jobs, Faults& faults) {
  std::map<std::pair<std::string, std::string>, const JobSpec*> writers;
  for (const ReadJob& job : jobs) {
    const TargetSpec& to = job.spec.to;
    if (to.connection.value.empty() || to.table.value.empty()) continue;
    // Databases fold case, so tables that differ in case only are one.
    std::string table = to.table.value;
    std::transform(table.begin(), table.end(), table.begin(), [](unsigned char c) {
      return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : static_cast<char>(c);
    });
    const auto [first, is_new] = writers.try_emplace({to.connection.value, table}, &job.spec);
    if (is_new) continue;
    faults.add(job.spec.file, to.table.at,
               "job `" + first->second->name.get() + "` writes `" + to.table.value + "` of `" +
                   to.connection.value + "` too",
               "give each job a table of its own; a view can bring them together");
  }
}

// The jobs that a job waits for: those it names, and those that load what it watches.
std::vector<std::string> before(const JobSpec& job) {
  std::vector<std::string> names;
  for (const Name& one : job.schedule.after)
    names.push_back(one.value);
  if (!job.schedule.when) return names;
  for (const JobName& writer : job.schedule.when->loaded_by)
    names.push_back(writer.get());
  return names;
}

// Follows them from `name`; true when that comes back to `start`.
bool reaches(const std::string& name, const std::string& start,
             const std::map<std::string, const JobSpec*>& by_name) {
  std::set<std::string> seen{name};
  std::vector<std::string> open{name};
  while (!open.empty()) {
    const auto job = by_name.find(open.back());
    open.pop_back();
    if (job == by_name.end()) continue;
    for (const std::string& next : before(*job->second)) {
      if (next == start) return true;
      if (seen.insert(next).second) open.push_back(next);
    }
  }
  return false;
}

void check_after(const std::vector<ReadJob>& jobs, Faults& faults) {
  std::map<std::string, const JobSpec*> by_name;
  std::vector<std::string> names;
  for (const ReadJob& job : jobs) {
    by_name.emplace(job.spec.name.get(), &job.spec);
    names.push_back(job.spec.name.get());
  }
  for (const ReadJob& job : jobs) {
    for (const Name& before : job.spec.schedule.after) {
      if (!by_name.contains(before.value)) {
        faults.add(job.spec.file, before.at,
                   "`after` names the unknown job `" + before.value + "`" +
                       did_you_mean(before.value, names),
                   "jobs are the files of jobs/");
        continue;
      }
      if (before.value == job.spec.name.get() ||
          reaches(before.value, job.spec.name.get(), by_name)) {
        faults.add(job.spec.file, before.at,
                   "`after` runs in a circle: `" + before.value + "` waits for `" +
                       job.spec.name.get() + "`",
                   "remove one of the waits");
      }
    }
    if (!job.spec.schedule.when) continue;
    for (const JobName& writer : job.spec.schedule.when->loaded_by) {
      if (writer != job.spec.name && !reaches(writer.get(), job.spec.name.get(), by_name)) continue;
      faults.add(
          job.spec.file, job.spec.schedule.when->at,
          "`when` runs in a circle: `" + writer.get() + "`, which loads it, " +
              (writer == job.spec.name ? "is this job" : "waits for `" + job.spec.name.get() + "`"),
          "watch what comes from outside, or remove one of the waits");
    }
  }
}

void check_pool(const std::optional<Name>& pool_of_half, const JobSpec& job,
                const ProjectSpec& project, Faults& faults) {
  if (!pool_of_half) return;
  std::vector<std::string> names;
  for (const PoolSpec& pool : project.pools)
    names.push_back(pool.name.value);
  const Name& wanted = *pool_of_half;
  if (std::find(names.begin(), names.end(), wanted.value) != names.end()) return;
  faults.add(job.file, wanted.at,
             "unknown pool `" + wanted.value + "`" + did_you_mean(wanted.value, names),
             names.empty() ? "write `pools: {" + wanted.value + ": 2}` into tidemark.yaml"
                           : "tidemark.yaml has " + list_words(names));
}

bool same_name(const std::optional<Name>& a, const std::optional<Name>& b) {
  return a && b ? a->value == b->value : a.has_value() == b.has_value();
}

// What is said of each half is for runs that change hands between them.
void check_half(const char* key, const std::optional<Name>& extract,
                const std::optional<Name>& load, const JobSpec& job, const ProjectSpec& project,
                Faults& faults) {
  if (project.stage.shared || same_name(extract, load)) return;
  faults.add(job.file, extract ? extract->at : load->at,
             std::string("`") + key +
                 "` names one for each half of a run, and servers of this "
                 "project do not share a stage",
             "write one name for both, or `stage: {path: FOLDER, shared: true}` into tidemark.yaml "
             "with a folder that every server reaches");
}

void check_halves(const JobSpec& job, const ProjectSpec& project, Faults& faults) {
  const ScheduleSpec& schedule = job.schedule;
  check_pool(schedule.pool, job, project, faults);
  if (!same_name(schedule.pool, schedule.load_pool))
    check_pool(schedule.load_pool, job, project, faults);
  check_half("pool", schedule.pool, schedule.load_pool, job, project, faults);
  check_half("label", schedule.label, schedule.load_label, job, project, faults);
}

}  // namespace

void check_job(const ReadJob& job, Faults& faults) {
  check_load(job.spec, faults);
  check_deletes(job.spec, faults);
  check_table_name(job.spec, faults);
}

void check_connections(const ReadJob& job, const ProjectSpec& project,
                       const ConnectorCatalog& catalog, Faults& faults) {
  check_source(job, project, catalog, faults);
  check_target(job, project, catalog, faults);
  for (const TransformStep& step : job.spec.transform) {
    const LookupStep* lookup = std::get_if<LookupStep>(&step.kind);
    if (lookup != nullptr) find_connection(lookup->from.connection, job.spec, project, faults);
  }
  check_halves(job.spec, project, faults);
  check_when(job.spec, project, catalog, faults);
}

void check_query(const ReadJob& job, const ProjectSpec& project, const ConnectorCatalog& catalog,
                 SqlCheck* sql_check, Faults& faults) {
  const auto* input = std::get_if<QueryInput>(&job.spec.from.input);
  const ConnectionSpec* connection = project.find_connection(job.spec.from.connection.value);
  if (sql_check == nullptr || input == nullptr || connection == nullptr) return;
  const ConnectorSpec* connector = catalog.find(connection->connector);
  if (connector == nullptr || connector->traits().own_sql) return;
  const SqlText& sql = input->query;
  if (const auto found = sql_check->check_query(sql.text)) {
    faults.add(sql.file, sql.locate(found->offset), "this is not valid SQL: " + found->message);
  }
}

void check_jobs(const std::vector<ReadJob>& jobs, Faults& faults) {
  check_one_writer(jobs, faults);
  check_after(jobs, faults);
}

}  // namespace tidemark
