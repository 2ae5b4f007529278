#include "run/job_edit.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "run/engine_sql_check.h"
#include "run/project_store.h"

namespace tidemark {
namespace {

// So often an edit is checked anew since another one came first.
constexpr int tries_max = 5;

const StoredJob* find(const StoredJobs& all, const std::string& name) {
  const auto found = std::find_if(all.jobs.begin(), all.jobs.end(),
                                  [&](const StoredJob& job) { return job.name == name; });
  return found == all.jobs.end() ? nullptr : &*found;
}

Status check_no_file(const JobEditParts& parts, const std::string& job) {
  const std::string file = "jobs/" + job + ".yaml";
  std::error_code code;
  if (!std::filesystem::exists(parts.project.root / file, code)) return {};
  return user_error("user.job_in_file", "the job `" + job + "` stands in the file " + file,
                    "edit that file; what files say counts");
}

Status check_version(const JobEdit& edit, const StoredJob* now) {
  if (!edit.text && now == nullptr)
    return user_error("user.no_job", "there is no job `" + edit.job + "` in the store");
  if (!edit.of) return {};
  const std::int64_t version = now == nullptr ? 0 : now->version;
  if (version == *edit.of) return {};
  if (version == 0)
    return user_error("user.job_changed", "there is no job `" + edit.job + "` in the store by now",
                      "look at its versions, and say that it is to be new");
  return user_error("user.job_changed",
                    "the job `" + edit.job + "` is there in version " + std::to_string(version) +
                        ", and the edit is of " +
                        (*edit.of == 0 ? "none" : std::to_string(*edit.of)),
                    "read it again, and edit what it says now");
}

Faults faults_with(const JobEditParts& parts, duck::Connection& engine,
                   const std::vector<StoredJobText>& texts) {
  EngineSqlCheck check(engine);
  return load_project(
             parts.project.root, parts.catalog, &check, {}, {},
             [&](const ProjectSpec&) -> Result<std::vector<StoredJobText>> { return texts; })
      .faults;
}

// Those that are there with the edit and not without it: what was wrong before is no reason to
// refuse an edit, which may be what mends it.
Result<Faults> new_faults(const JobEditParts& parts, const JobEdit& edit, const StoredJobs& all) {
  std::vector<StoredJobText> texts = texts_of(all);
  std::erase_if(texts, [&](const StoredJobText& job) { return job.name == edit.job; });
  if (edit.text) texts.push_back({edit.job, *edit.text});
  TM_TRY(const auto engine, parts.engine.connect());
  Faults faults = faults_with(parts, *engine, texts);
  if (faults.empty()) return faults;
  // Where the project itself cannot be read jobs of the store are not looked at.
  Faults of_project;
  for (const SpecFault& fault : faults.list()) {
    if (fault.file == parts.project.file) of_project.add(fault);
  }
  if (!of_project.empty()) return of_project;
  const Faults before = faults_with(parts, *engine, texts_of(all));
  Faults brought;
  for (const SpecFault& fault : faults.list()) {
    const auto& known = before.list();
    if (std::find(known.begin(), known.end(), fault) == known.end()) brought.add(fault);
  }
  return brought;
}

}  // namespace

Result<StoredJobs> stored_jobs_of(const ProjectSpec& project, Files& files, const Clock& clock) {
  TM_TRY(const bool is_there, has_project_store(project.store, project.root));
  if (!is_there) return StoredJobs();
  TM_TRY(const auto database, open_store_database(project.store, project.root, files, clock));
  return StoredJobTable(*database).all();
}

std::vector<StoredJobText> texts_of(const StoredJobs& jobs) {
  std::vector<StoredJobText> texts;
  for (const StoredJob& job : jobs.jobs)
    texts.push_back({job.name, *job.text});
  return texts;
}

Result<EditedJob> edit_job(const JobEditParts& parts, const JobEdit& edit) {
  if (!edit.under_file) TM_CHECK(check_no_file(parts, edit.job));
  StoredJobTable table(parts.store);
  for (int tried = 0; tried < tries_max; ++tried) {
    TM_TRY(const StoredJobs all, table.all());
    TM_CHECK(check_version(edit, find(all, edit.job)));
    EditedJob edited;
    TM_TRY(edited.faults, new_faults(parts, edit, all));
    if (!edited.faults.empty()) return edited;
    StoredJob job;
    job.name = edit.job;
    job.text = edit.text;
    job.set_by = edit.by;
    TM_TRY(auto made, table.edit(job, all.edit));
    if (!made) continue;
    edited.job = *std::move(made);
    edited.edit = all.edit + 1;
    return edited;
  }
  return internal_error("store.busy", "other jobs are edited all the time", Retry::backoff,
                        "try again in a moment");
}

}  // namespace tidemark
