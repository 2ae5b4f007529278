// CacheServer: what a ReadCache needs of the server that keeps its texts. Each call is one round
// trip, and no longer than the server's own short times; any thread.
//
// A server may forget anything at any time. Texts it gives back may be anybody's: the ReadCache
// checks them.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace tidemark {

// By the server's clock, in microseconds.
using CacheTime = std::int64_t;

class CacheServer {
 public:
  virtual ~CacheServer() = default;
  // For people, without a secret.
  virtual std::string name() const = 0;
  // Of each key its text; nothing where there is none.
  virtual Result<std::vector<std::optional<std::string>>> get(
      const std::vector<std::string>& keys) = 0;

  struct Begun {
    CacheTime at = 0;
    std::vector<std::optional<std::string>> generations;
    bool locked = false;  // false: somebody else has the lock
  };
  // Before a text is made: the lock of those that would make the same, for `lock_for` at most, and
  // the generations as they stand; those that are missing become `fresh`.
  virtual Result<Begun> begin(const std::vector<std::string>& generations, const std::string& fresh,
                              const std::string& lock, std::chrono::milliseconds lock_for) = 0;
  // Keeps a text up to a time of the server's clock, not at all where that has passed, and lets go
  // of the lock.
  virtual Status keep(const std::string& key, const std::string& text, CacheTime until,
                      const std::string& lock) = 0;
  // Each of these generations is `fresh` from now on. The time is one after that.
  virtual Result<CacheTime> renew(const std::vector<std::string>& generations,
                                  const std::string& fresh) = 0;
};

}  // namespace tidemark
