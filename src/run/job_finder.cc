#include "run/job_finder.h"

#include <utility>
#include <vector>

#include "base/nearest.h"
#include "drivers/json/json.h"

namespace tidemark {

namespace {

constexpr char trial_mark = '@';

bool is_trial(const JobName& job) {
  return job.get().find(trial_mark) != std::string::npos;
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

// `job` under the name and with the target of a trial.
JobSpec as_trial(JobSpec job, const std::string& connection, const RunId& run) {
  job.trial = Trial{job.name, run};
  job.name = JobName(job.name.get() + trial_mark + connection + "." + run.get());
  job.to.connection.value = connection;
  job.to.allow_empty = true;  // a new table loses nothing
  job.to.replace = Replace::rows;
  return job;
}

// The connection in the name of a trial; run ids have no dots.
std::string connection_of(const std::string& trial) {
  const std::size_t mark = trial.find(trial_mark) + 1;
  return trial.substr(mark, trial.rfind('.') - mark);
}

Error damaged(const RunRecord& run, const std::string& what) {
  return internal_error(
      "store.kept_job",
      "what the job said in run " + run.run.get() + " is damaged in the store: " + what,
      Retry::never, "replay it with the job as it is now, without --as-it-was");
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
  // It may be one of those.
  if (loaded_.store_unasked)
    return Error(*loaded_.store_unasked)
        .with_context("looking for job `" + name + "` in the store");
  std::string hint = "a job is a file jobs/NAME.yaml";
  if (is_trial(JobName(name))) {
    hint =
        "a trial is made by `tidemark replay RUN --to CONNECTION`, and looked at with `runs`, "
        "`quarantine` and `query`";
  } else if (auto near = nearest_word(name, loaded_.job_names())) {
    hint = "did you mean `" + *near + "`?";
  }
  return user_error("user.no_job", "there is no job `" + name + "` in this project", hint);
}

JobName JobFinder::base_of(const JobName& job) {
  return JobName(job.get().substr(0, job.get().find(trial_mark)));
}

Result<JobSpec> JobFinder::to_look_at(const std::string& name) const {
  if (!is_trial(JobName(name))) {
    TM_TRY(const JobSpec* job, in_project(name));
    return *job;
  }
  JobSpec trial;
  trial.name = JobName(name);
  trial.to.connection.value = connection_of(name);
  TM_TRY([[maybe_unused]] const ConnectionSpec* there, connection(trial.to.connection.value));
  return trial;
}

Result<JobSpec> JobFinder::as_in(const RunRecord& run, Store& store) const {
  TM_TRY(const std::optional<std::string> text, store.spec_text(run.spec_hash));
  if (!text) {
    return user_error("user.job_not_kept",
                      "what the job said in run " + run.run.get() + " was not kept",
                      "replay it with the job as it is now, without --as-it-was");
  }
  auto document = parse_json(*text);
  if (!document.ok()) return damaged(run, document.error().message);
  JobTexts texts;
  if (const JsonObject* files = document->object()) {
    for (const JsonMember& file : *files) {
      if (const std::string* content = file.value.string()) texts[file.name] = *content;
    }
  }
  auto job = read_kept_job(base_of(run.job), texts);
  if (!job.ok()) return damaged(run, job.error().describe());
  if (job->content_hash != run.spec_hash) return damaged(run, "it is not what was kept");
  return job;
}

Status JobFinder::loads_as_now(const JobSpec& then) const {
  const JobSpec* now = loaded_.find_job(then.name.get());
  if (now == nullptr) {
    return user_error(
        "user.other_target",
        "job `" + then.name.get() + "` is gone, and nobody knows whose its table is now",
        "look at it in a table of its own: add `--to CONNECTION`");
  }
  if (same_target(then.to, now->to)) return {};
  return user_error(
      "user.other_target",
      "job `" + then.name.get() + "` as it was then loads into " + then.to.connection.value + "." +
          then.to.table.value + ", by another table, `load` or `key` than it does now",
      "look at it in a table of its own: add `--to " + now->to.connection.value + "`");
}

LeftJob JobFinder::of_left(const RunRecord& run, Store& store) const {
  LeftJob left;
  const JobSpec* now = loaded_.find_job(base_of(run.job).get());
  if (run.spec_hash.empty()) {
    left.why_not = "an older Tidemark began it, and kept no text of its job";
  } else if (now == nullptr) {
    left.why_not = "the job's file is gone";
  } else if (now->content_hash != run.spec_hash) {
    left.why_not = "the job's file has been changed since, or it was a replay of an older one";
  } else if (is_trial(run.job)) {
    left.why_not = "a trial is begun anew";
  }
  // Also where it ends here, its own target must be asked what it has.
  auto then = as_in(run, store);
  if (then.ok()) {
    left.job = std::move(*then);
  } else if (now != nullptr) {
    left.job = *now;
  }
  if (left.job && is_trial(run.job))
    left.job = as_trial(std::move(*left.job), connection_of(run.job.get()), run.run);
  return left;
}

Result<JobSpec> JobFinder::trial(const JobSpec& job, const std::string& name,
                                 const RunId& run) const {
  TM_TRY(const ConnectionSpec* to, connection(name));
  TM_TRY(const Connector* connector, connectors_.of(*to));
  if (!connector->is_sink()) {
    return user_error("user.no_target",
                      "`" + name + "` is a source only: nothing can be loaded there",
                      "name a connection that is a target, for example the job's own: --to " +
                          job.to.connection.value);
  }
  return as_trial(job, name, run);
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
