// Randomness: where ids and jitter come from, so that a test can fix them.
//
// `app/` owns one SystemRandomness; tests own a SeededRandomness. SystemRandomness is safe from any
// thread, SeededRandomness from one. Neither is for keys or passwords.
#pragma once

#include <cstdint>

#include "base/named.h"
#include "env/clock.h"

namespace tidemark {

class Randomness {
 public:
  virtual ~Randomness() = default;
  virtual std::uint64_t next() = 0;
};

// The kernel's generator.
class SystemRandomness final : public Randomness {
 public:
  std::uint64_t next() override;
};

// The same numbers for the same seed (splitmix64).
class SeededRandomness final : public Randomness {
 public:
  explicit SeededRandomness(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() override;

 private:
  std::uint64_t state_;
};

// A new id of 16 characters: nine of milliseconds, seven random, in lower-case base32 without i, l,
// o and u. Ids of different milliseconds sort by time; it is safe as a file name and in a shell.
RunId new_run_id(const Clock& clock, Randomness& randomness);

}  // namespace tidemark
