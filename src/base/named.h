// Strong types for ids and counts, so that a seq never becomes a row count by accident.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>

namespace tidemark {

// A value of type T that converts to nothing else; `get()` reads it. Ordered and hashable like T.
template <class T, class Tag>
class Named {
 public:
  Named() = default;
  explicit Named(T value) : value_(std::move(value)) {}
  const T& get() const { return value_; }
  friend auto operator<=>(const Named&, const Named&) = default;

 private:
  T value_{};
};

using JobName = Named<std::string, struct JobNameTag>;
using StreamName = Named<std::string, struct StreamNameTag>;
using RunId = Named<std::string, struct RunIdTag>;
// The number of a window of a stream: 1 for the first; 0 before any load.
using Seq = Named<std::int64_t, struct SeqTag>;
// Grows with every owner of a stream; a target refuses a load with an old one.
using Fence = Named<std::int64_t, struct FenceTag>;
using RowCount = Named<std::int64_t, struct RowCountTag>;

// One stream of one job: the unit that has a window, a ledger row and a watermark.
struct StreamId {
  JobName job;
  StreamName stream;
  friend auto operator<=>(const StreamId&, const StreamId&) = default;
};

}  // namespace tidemark

template <class T, class Tag>
struct std::hash<tidemark::Named<T, Tag>> {
  std::size_t operator()(const tidemark::Named<T, Tag>& named) const noexcept {
    return std::hash<T>{}(named.get());
  }
};
