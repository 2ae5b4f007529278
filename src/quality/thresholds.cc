#include "quality/thresholds.h"

#include <fmt/format.h>

#include "base/assert.h"
#include "base/units.h"

namespace tidemark {

namespace {

std::string sentence(double share, RowCount read, RowCount refused, const char* limit_name,
                     double limit) {
  return fmt::format("{} of {} rows were refused ({:.3g}%), above `{}: {:.6g}%`",
                     show_count(refused.get()), show_count(read.get()), share * 100, limit_name,
                     limit * 100);
}

}  // namespace

Judgement judge(const QuarantineSpec& spec, RowCount read, RowCount refused) {
  TM_ASSERT(refused.get() >= 0);
  Judgement out;
  if (refused.get() == 0) return out;
  // A `sql` step can make more rows than were read, and then refuse more than all of them.
  out.share =
      read.get() > 0 ? static_cast<double>(refused.get()) / static_cast<double>(read.get()) : 1.0;
  if (spec.stop_above && read.get() >= stop_rows_min && out.share > *spec.stop_above) {
    out.verdict = QuarantineVerdict::stop;
    out.message = sentence(out.share, read, refused, "stop_above", *spec.stop_above);
  } else if (spec.alert_above && out.share > *spec.alert_above) {
    out.verdict = QuarantineVerdict::alert;
    out.message = sentence(out.share, read, refused, "alert_above", *spec.alert_above);
  }
  return out;
}

}  // namespace tidemark
