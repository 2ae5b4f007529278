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

}  // namespace tidemark
