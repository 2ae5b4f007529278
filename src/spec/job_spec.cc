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

}  // namespace tidemark
