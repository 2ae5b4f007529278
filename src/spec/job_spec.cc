#include "spec/job_spec.h"

namespace tidemark {

std::string_view to_string(LoadStrategy strategy) {
  switch (strategy) {
    case LoadStrategy::full:
      return "full";
    case LoadStrategy::append:
      return "append";
    case LoadStrategy::upsert:
      return "upsert";
  }
  return "";
}

std::string_view to_string(SchemaDrift policy) {
  switch (policy) {
    case SchemaDrift::evolve:
      return "evolve";
    case SchemaDrift::freeze:
      return "freeze";
    case SchemaDrift::ignore:
      return "ignore";
    case SchemaDrift::quarantine:
      return "quarantine";
  }
  return "";
}

std::string_view to_string(Watched kind) {
  switch (kind) {
    case Watched::file:
      return "file";
    case Watched::table:
      return "table";
    case Watched::dataset:
      return "dataset";
  }
  return "";
}

std::string to_text(const WhenSpec& when) {
  return std::string(to_string(when.kind)) + " " + when.connection.value + "." + when.what;
}

bool DaysOff::has(std::int64_t day) const {
  const std::int64_t weekday = ((day + 3) % 7 + 7) % 7;  // 1970 began on a Thursday
  return weekdays.test(static_cast<std::size_t>(weekday)) || days.contains(day);
}

}  // namespace tidemark
