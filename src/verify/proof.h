// Proof: which buckets of a stream's target were found equal to the source, as the store keeps it.
// A value.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/window.h"
#include "verify/comparison.h"

namespace tidemark {

// A bucket in which no row was missing or different.
struct ProvedPart {
  Digest target;
  Digest source;
  friend bool operator==(const ProvedPart&, const ProvedPart&) = default;
};

struct Proof {
  std::string what;  // names job, engine, table, columns and key: another proves nothing here
  Buckets buckets;
  std::optional<Position> hi;  // of the last window then
  std::vector<std::optional<ProvedPart>> parts;
  int next = 0;  // the bucket at which the budget was used up

  std::string text() const;
  // Nothing for what text() did not give.
  static std::optional<Proof> parse(const std::string& text);
};

}  // namespace tidemark
