#include "run/job_finder.h"

#include <utility>
#include <vector>

#include "base/nearest.h"
#include "drivers/json/json.h"
#include "plan/planner.h"

namespace tidemark {

namespace {

constexpr char trial_mark = '@';

std::string last_part(const std::string& table) {
  return table.substr(table.rfind('.') + 1);
}

// Whether `pattern`, a job's `to.table`, may stand for `name`: a {...} stands for anything.
bool may_be(const std::string& pattern, const std::string& name) {
  const std::size_t open = pattern.find('{');
  if (open == std::string::npos) return same_name(pattern, name);
  if (name.size() < open || !same_name(pattern.substr(0, open), name.substr(0, open))) return false;
  const std::size_t close = pattern.find('}', open);
  if (close == std::string::npos) return false;
  const std::string rest = pattern.substr(close + 1);
  for (std::size_t at = open; at <= name.size(); ++at) {
    if (may_be(rest, name.substr(at))) return true;
  }
  return false;
}

bool same_target(const TargetSpec& a, const TargetSpec& b) {
  const auto texts = [](const std::vector<Name>& names) {
    std::vector<std::string> values;
    for (const Name& name : names)
      values.push_back(name.value);
    return values;
  };
  return a.connection.value == b.connection.value && a.table.value == b.table.value &&
         a.load == b.load && texts(a.key) == texts(b.key);
}

}  // namespace

std::string kept_text(const JobTexts& texts) {
  JsonValue document{JsonObject{}};
  for (const auto& [file, text] : texts)
    document.set(file, text);
  return to_json(document, JsonLayout::compact);
}

Result<const JobSpec*> JobFinder::in_project(const std::string& name) const {
  if (const JobSpec* job = loaded_.find_job(name)) return job;
  std::string hint = "a job is a file jobs/NAME.yaml";
  if (name.find(trial_mark) != std::string::npos) {
    hint =
        "a trial is made by `tidemark replay RUN --to CONNECTION`, and looked at with `runs`, "
        "`quarantine` and `query`";
  } else if (auto near = nearest_word(name, loaded_.job_names())) {
    hint = "did you mean `" + *near + "`?";
  }
  return user_error("user.no_job", "there is no job `" + name + "` in this project", hint);
}

std::string JobFinder::base_name(const JobName& job) {
  return job.get().substr(0, job.get().find(trial_mark));
}

Result<JobSpec> JobFinder::named(const std::string& name) const {
  const std::size_t mark = name.find(trial_mark);
  const std::size_t dot = mark == std::string::npos ? mark : name.find('.', mark);
  if (dot == std::string::npos) {
    TM_TRY(const JobSpec* job, in_project(name));
    return *job;
  }
  TM_TRY(const JobSpec* job, in_project(name.substr(0, mark)));
  return trial_in(*job, name.substr(mark + 1, dot - mark - 1), name.substr(dot + 1));
}

Result<JobSpec> JobFinder::as_in(const RunRecord& run, Store& store) const {
  TM_TRY(const std::optional<std::string> text, store.spec_text(run.spec_hash));
  if (!text) {
    return user_error("user.job_not_kept",
                      "what the job said in run " + run.run.get() + " was not kept",
                      "replay it with the job as it is now, without --as-it-was");
  }
  TM_TRY(const JsonValue document, parse_json(*text));
  JobTexts texts;
  if (const JsonObject* files = document.object()) {
    for (const JsonMember& file : *files) {
      if (const std::string* content = file.value.string()) texts[file.name] = *content;
    }
  }
  return read_kept_job(JobName(base_name(run.job)), texts, loaded_.project, catalog_, nullptr);
}

Status JobFinder::loads_as_now(const JobSpec& then) const {
  const JobSpec* now = loaded_.find_job(then.name.get());
  if (now == nullptr || same_target(then.to, now->to)) return {};
  return user_error(
      "user.other_target",
      "job `" + then.name.get() + "` as it was then loads into " + then.to.connection.value + "." +
          then.to.table.value + ", by another table, `load` or `key` than it does now",
      "look at it in a table of its own: add `--to " + now->to.connection.value + "`");
}

std::optional<JobSpec> JobFinder::of_left(const RunRecord& run, Store& store) const {
  auto now = named(run.job.get());
  if (!now.ok() || run.kind != RunKind::replay || now->content_hash == run.spec_hash ||
      !now->trial_of.get().empty())
    return now.ok() ? std::optional(std::move(*now)) : std::nullopt;
  auto then = as_in(run, store);
  return then.ok() ? std::optional(std::move(*then)) : std::optional(std::move(*now));
}

Result<JobSpec> JobFinder::trial(const JobSpec& job, const std::string& to,
                                 const RunId& run) const {
  const std::size_t dot = to.find('.');
  const std::string name = to.substr(0, dot);
  if (dot == std::string::npos)
    return trial_in(job, name, last_part(job.to.table.value) + "_" + run.get());
  const std::string table = to.substr(dot + 1);
  for (const JobSpec& other : loaded_.jobs) {
    if (!may_be(last_part(other.to.table.value), last_part(table))) continue;
    return user_error(
        "user.trial_table",
        "`" + table + "` is, or may become, a table of job `" + other.name.get() + "`",
        "name another one, or none: `--to " + name + "` makes one that is named after the run");
  }
  return trial_in(job, name, table);
}

Result<JobSpec> JobFinder::trial_in(const JobSpec& job, const std::string& connection,
                                    const std::string& table) const {
  TM_TRY(const ConnectionSpec* to, this->connection(connection));
  TM_TRY(const Connector* connector, connectors_.of(*to));
  if (!connector->is_sink()) {
    return user_error("user.no_target",
                      "`" + connection + "` is a source only: nothing can be loaded there",
                      "name a connection that is a target, for example the job's own: --to " +
                          job.to.connection.value);
  }
  if (table.empty()) {
    return user_error("user.trial_table", "the name of the table is missing behind the dot",
                      "write `--to " + connection + "`, or `--to " + connection + ".TABLE`");
  }
  JobSpec trial = job;
  trial.trial_of = job.name;
  trial.name = JobName(job.name.get() + trial_mark + connection + "." + table);
  trial.to.connection.value = connection;
  trial.to.table.value = table;
  trial.to.allow_empty = true;  // a new table loses nothing
  trial.to.replace = Replace::rows;
  return trial;
}

Result<const ConnectionSpec*> JobFinder::connection(const std::string& name) const {
  if (const ConnectionSpec* found = loaded_.project.find_connection(name)) return found;
  std::vector<std::string> names;
  for (const ConnectionSpec& known : loaded_.project.connections)
    names.push_back(known.name.value);
  std::string hint = "connections stand in tidemark.yaml";
  if (auto near = nearest_word(name, names)) hint = "did you mean `" + *near + "`?";
  return user_error("user.no_connection", "there is no connection `" + name + "` in this project",
                    hint);
}

}  // namespace tidemark
