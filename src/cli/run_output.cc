#include "cli/run_output.h"

#include "cli/reports.h"

namespace tidemark {

int exit_code_of(const RunRecord& run) {
  switch (run.status()) {
    case RunStatus::success:
    case RunStatus::skipped:
      return exit_done;
    case RunStatus::running:  // a COMMIT that cannot be resolved now
      return exit_failed;
    case RunStatus::blocked:
      return exit_blocked;
    case RunStatus::cancelled:
      return exit_cancelled;
    case RunStatus::failed:
      return run.error && run.error->fault == "user" ? exit_fault : exit_failed;
  }
  return exit_failed;
}

void show_run(const Call& call, const RunRecord& record) {
  if (!call.line.json) call.print(run_line(record));
  if (record.error) call.tell(error_report(record));
}

void show_recovered(const Call& call, Workspace& workspace, ProgressView& progress) {
  for (const RunRecord& record : workspace.take_recovered()) {
    progress.end();
    call.tell("went on with run " + record.run.get() + ", which process " +
              std::to_string(record.pid) + " had left: " + run_line(record));
    if (record.error) call.tell(error_report(record));
  }
}

}  // namespace tidemark
