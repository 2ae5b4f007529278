#include "run/older_target.h"

namespace tidemark {

Result<std::optional<std::string>> older_target_note(const StreamPlan& plan, Store& store) {
  if (plan.kind == LoadKind::requarantine) return std::optional<std::string>();
  const Seq in_ledger(plan.seq.get() - (plan.kind == LoadKind::window ? 1 : 0));
  TM_TRY(const std::optional<RunWindow> last, store.last_loaded(plan.id));
  if (!last || last->seq <= in_ledger) return std::optional<std::string>();
  const std::string ends = in_ledger.get() == 0
                               ? "does not know this stream"
                               : "ends with window " + std::to_string(in_ledger.get());
  return std::optional("the target's ledger " + ends + ", and run " + last->run.get() +
                       " has loaded window " + std::to_string(last->seq.get()) +
                       ": the target was put back to an older state, or is another one. What it "
                       "lacks is read again, as far as the source still has it");
}

}  // namespace tidemark
