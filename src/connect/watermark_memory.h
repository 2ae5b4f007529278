// WatermarkMemory: what a run tells the next one beside its position (WindowBound::memory), where a
// source is followed by looking at what is in flight. Right also when it is lost or older. A plain
// value; no thread rule.
#pragma once

#include <string>

#include "connect/sample_ring.h"

namespace tidemark {

struct WatermarkMemory {
  std::string clock = {};  // of the server, as late as it was seen; empty: never
  SampleRing ring = {};
  // `of` says what it belongs to: another cursor or server begins anew.
  static WatermarkMemory parse(const std::string& text, const std::string& of);
  std::string text(const std::string& of) const;
};

}  // namespace tidemark
