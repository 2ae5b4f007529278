// The `deletes` of a job.
#include <utility>

#include "spec/config_spec.h"
#include "spec/job_parts.h"

namespace tidemark {

namespace {

struct RawDeletes {
  std::optional<Name> column;
  std::optional<std::chrono::milliseconds> sweep;
  std::optional<Located<double>> max_fraction;
  std::optional<Name> mark;
};

constexpr double default_fraction = 0.01;

bool to_deletes(RawDeletes&& raw, const YamlNode& node, ReadContext& context,
                DeletesSpec& deletes) {
  const std::size_t faults_before = context.fault_count();
  if (!raw.column && !raw.sweep) {
    context.fault(place(node.at), "`deletes` does not say how deleted rows are known",
                  "write `column: is_deleted`, a column of the source that is set in deleted rows, "
                  "or `sweep: 24h`, how often all keys are compared");
  }
  if (raw.max_fraction && !raw.sweep) {
    context.fault(raw.max_fraction->at, "`max_fraction` means nothing without `sweep`",
                  "add sweep, or remove max_fraction");
  }
  deletes.at = place(node.at);
  deletes.column = std::move(raw.column);
  deletes.sweep = raw.sweep;
  deletes.fraction_max = raw.max_fraction ? raw.max_fraction->value : default_fraction;
  deletes.mark = std::move(raw.mark);
  return context.fault_count() == faults_before;
}

}  // namespace

ValueSpec<DeletesSpec> deletes_value() {
  ConfigSpec<RawDeletes> spec(
      "deletes",
      "How rows that the source deletes are known, and what becomes of them in the target. Needs "
      "`load: upsert`. See [Deleted rows](../deletes.md).",
      "{sweep: 24h, max_fraction: 5%}");
  spec.field(
          "column", &RawDeletes::column, config::name("the name of a column"),
          {.default_note = "none",
           .description =
               "A column of the source, whatever the steps make of it. A row is deleted where it "
               "is true, or a number that is not 0, or a time.",
           .example = "is_deleted"})
      .field("sweep", &RawDeletes::sweep, config::duration(),
             {.default_note = "never",
              .description =
                  "How often all keys of the source are read and compared with the target's: what "
                  "is not in the source any more is deleted.",
              .example = "24h"})
      .field(
          "max_fraction", &RawDeletes::max_fraction, config::percent(),
          {.default_note = "1%",
           .description = "The share of the target's rows that one sweep may delete; where more "
                          "are gone the run waits for a person (exit 3). Up to 10 rows are never "
                          "too many.",
           .example = "5%"})
      .field(
          "mark", &RawDeletes::mark, config::name("the name of a column"),
          {.default_note = "rows are taken out of the table",
           .description = "A column of the target. Deleted rows stay in the table, with the time "
                          "at which they were found to be gone here.",
           .example = "gone_at"});
  return config::converted<DeletesSpec, RawDeletes>(config::object(std::move(spec)), to_deletes);
}

}  // namespace tidemark
