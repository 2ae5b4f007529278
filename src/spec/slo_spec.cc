// The `slo` of a job.
#include "spec/slo_spec.h"

#include <utility>

#include "spec/config_spec.h"
#include "spec/job_parts.h"

namespace tidemark {

namespace {

void check_slo(const SloSpec& slo, const YamlNode& node, ReadContext& context) {
  if (!slo.freshness && !slo.duration && !slo.start) {
    context.fault(place(node.at), "`slo` promises nothing",
                  "write `freshness`, `duration` or `start` in it, as `slo: {freshness: 1h}`");
  }
  if (slo.objective > 0 && slo.objective < 1) return;
  context.fault(node.find("objective")->at, "`objective` must be more than 0% and less than 100%",
                "write for example 99%: what is left of 100% is what may go wrong");
}

bool with_places(SloSpec&& read, const YamlNode& node, ReadContext&, SloSpec& slo) {
  slo = std::move(read);
  slo.at = place(node.at);
  if (const YamlNode* start = node.find("start")) slo.start_at = place(start->at);
  return true;
}

}  // namespace

ValueSpec<SloSpec> slo_value() {
  ConfigSpec<SloSpec> spec("slo",
                           "What the job promises to those who read its target; `tidemark report` "
                           "tells how well it is kept. Nothing is held back or ended by it. See "
                           "[Promises and cost](../slo.md).",
                           "{freshness: 1h, duration: 10m, objective: 99.5%}");
  spec.field("freshness", &SloSpec::freshness, config::duration(),
             {.default_note = "not promised",
              .description = "How old the target's data may be, on the data's own time where the "
                             "watermark is one.",
              .example = "1h"})
      .field("duration", &SloSpec::duration, config::duration(),
             {.default_note = "not promised",
              .description = "How long a run may take, from its begin until it ended well.",
              .example = "10m"})
      .field("start", &SloSpec::start, config::duration(),
             {.default_note = "not promised",
              .description = "How long after it was due a run may begin.",
              .example = "5m"})
      .field("objective", &SloSpec::objective, config::percent(),
             {.default_text = "99%",
              .description = "The share that must keep it: of the time for `freshness`, of the "
                             "runs for `duration` and `start`.",
              .example = "99.5%"});
  spec.check(check_slo);
  return config::converted<SloSpec, SloSpec>(config::object(std::move(spec)), with_places);
}

}  // namespace tidemark
