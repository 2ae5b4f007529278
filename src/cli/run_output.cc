#include "cli/run_output.h"

#include <cstdio>

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
  if (!call.line.json) print(run_line(record));
  if (record.error) std::fprintf(stderr, "%s", error_report(record).c_str());
}

void show_recovered(Workspace& workspace, ProgressView& progress) {
  for (const RunRecord& record : workspace.take_recovered()) {
    progress.end();
    std::fprintf(stderr, "went on with run %s, which process %lld had left: %s",
                 record.run.get().c_str(), static_cast<long long>(record.pid),
                 run_line(record).c_str());
    if (record.error) std::fprintf(stderr, "%s", error_report(record).c_str());
  }
}

}  // namespace tidemark
