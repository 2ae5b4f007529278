#include "spec/fault.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace tidemark {

std::string SpecFault::headline() const {
  std::string text = file;
  if (line > 0) text += ":" + std::to_string(line) + ":" + std::to_string(column);
  return text + ": " + message;
}

std::string SpecFault::print() const {
  return hint.empty() ? headline() : headline() + "\n    hint: " + hint;
}

void Faults::add(SpecFault fault) {
  list_.push_back(std::move(fault));
}

void Faults::add(std::string file, Location at, std::string message, std::string hint) {
  list_.push_back({std::move(file), at.line, at.column, std::move(message), std::move(hint)});
}

void Faults::sort() {
  std::sort(list_.begin(), list_.end(), [](const SpecFault& left, const SpecFault& right) {
    return std::tie(left.file, left.line, left.column, left.message) <
           std::tie(right.file, right.line, right.column, right.message);
  });
  list_.erase(std::unique(list_.begin(), list_.end()), list_.end());
}

std::string Faults::print() const {
  std::string text;
  for (const SpecFault& fault : list_)
    text += fault.print() + "\n";
  return text;
}

Error Faults::as_error() const {
  if (list_.empty()) return internal_error("spec.no_faults", "the project has no faults");
  std::string message = list_.front().headline();
  for (std::size_t at = 1; at < list_.size(); ++at)
    message += "\n" + list_[at].headline();
  return user_error("spec.faults", std::move(message), list_.front().hint);
}

}  // namespace tidemark
