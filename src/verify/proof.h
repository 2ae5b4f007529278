// Proof: which buckets of a stream's target were found equal to the source, as the store keeps it.
// A value.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/window.h"
#include "verify/comparison.h"

namespace tidemark {

struct Proof {
  std::string what;  // names engine, table, columns and key: another one proves nothing here
  Buckets buckets;
  std::optional<Position> hi;  // of the last window then
  // Of the target's rows, with the traces of the source's; nothing where the bucket was not equal.
  std::vector<std::optional<Digest>> digests;

  std::string text() const;
  // Nothing for what text() did not give.
  static std::optional<Proof> parse(const std::string& text);
};

// Proof::what. `traces` as in Hashed.
std::string what_is_compared(const Compared& compared, const std::vector<std::string>& traces,
                             const std::string& table);

}  // namespace tidemark
