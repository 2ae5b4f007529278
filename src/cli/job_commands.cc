#include "cli/job_commands.h"

#include <algorithm>

#include "cli/access_commands.h"
#include "env/process.h"
#include "run/job_edit.h"
#include "run/project_store.h"

namespace tidemark {

// What the store says comes first: of `export NAME > jobs/NAME.yaml` the file is there already, and
// empty.
int export_job(const Call& call) {
  auto outcome = [&]() -> Result<int> {
    TM_TRY(auto workspace, Workspace::open(call.around, call.line.project));
    const std::string& name = call.line.names.front();
    TM_TRY(const StoredJobs stored,
           stored_jobs_of(workspace->project(), call.around.files, call.around.clock));
    std::string text;
    std::string place = "store";
    const auto found = std::find_if(stored.jobs.begin(), stored.jobs.end(),
                                    [&](const StoredJob& job) { return job.name == name; });
    if (found != stored.jobs.end()) {
      text = *found->text;
    } else {
      TM_TRY(const JobSpec* job, workspace->finder().in_project(name));
      place = job->file;
      text = job->texts.at(job->file);
    }
    if (call.line.json) {
      call.print_json(JsonValue().set("job", name).set("place", place).set("text", text));
    } else {
      call.print(text);
    }
    return exit_done;
  }();
  return outcome.ok() ? *outcome : fail(call, outcome.error());
}

// Also of a project that has faults, which this may mend.
int remove_job(const Call& call) {
  auto outcome = [&]() -> Result<int> {
    TM_TRY(auto workspace, Workspace::open(call.around, call.line.project));
    const ProjectSpec& project = workspace->project();
    if (project.store.place.empty()) {
      TM_TRY(workspace, open_good(call));  // says what is wrong with tidemark.yaml
    }
    // Brings it to its newest version.
    TM_TRY([[maybe_unused]] Store * store, workspace->store());
    TM_TRY(const auto database,
           open_store_database(project.store, project.root, call.around.files, call.around.clock));
    JobEdit edit;
    edit.job = call.line.names.front();
    edit.by = this_user();
    edit.under_file = true;
    TM_TRY(const EditedJob edited,
           edit_job({project, call.around.catalog, workspace->engine(), *database}, edit));
    if (!edited.faults.empty()) return edited.faults.as_error();
    TM_CHECK(note_deed(call, *workspace, "job.delete", edit.job));
    if (call.line.json) {
      call.print_json(
          JsonValue().set("job", edited.job.name).set("version", edited.job.version - 1));
    } else {
      call.print("job " + edited.job.name + " is out of the store; its version " +
                 std::to_string(edited.job.version - 1) + " was the last\n");
    }
    return exit_done;
  }();
  return outcome.ok() ? *outcome : fail(call, outcome.error());
}

}  // namespace tidemark
