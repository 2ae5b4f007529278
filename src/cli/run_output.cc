#include "cli/run_output.h"

#include "cli/reports.h"
#include "observe/log.h"

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
  const int code = exit_code_of(record);
  // A service's log has it too: nobody tries it again. What a request begins is told by Operations.
  const bool is_told = call.around.owner != nullptr && call.around.request.empty();
  if (is_told && record.error && code != exit_done && code != exit_cancelled) {
    process_log().tell_error(LogLevel::error, LogComponent::run, "", error_of(*record.error),
                             {{"run", record.run.get()}, {"job", record.job.get()}});
  }
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
