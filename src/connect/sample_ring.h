// SampleRing: which of the moments a source was looked at are settled. A moment is settled when
// nothing that was in flight at it is in flight any more: what was written before it then is
// committed, or never will be.
//
// For sources that let a reader see what is in flight, but not since when. At each look the source
// gives a moment (a time, a number that grows) and then the names of the transactions in flight;
// the ring goes from run to run as text (WindowBound::memory). A ring that is lost or older settles
// later, never too early. A plain value; no thread rule.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tidemark {

// What is in flight. A transaction that is prepared keeps no name that it had before, so one that
// is new may be any that was in flight before.
struct InFlight {
  std::vector<std::string> running = {};
  std::vector<std::string> prepared = {};
  // Of a name that has ended: which of those running is waited for in its place.
  std::vector<std::pair<std::string, std::string>> became = {};
};

class SampleRing {
 public:
  // What text() gave; an empty ring where it cannot be read.
  static SampleRing parse(std::string_view text);
  std::string text() const;

  // A new moment, and what is in flight after it.
  void add(const std::string& moment, const InFlight& now);
  // Another look without a new moment: only what ended since counts.
  void look_again(const InFlight& now);

  // The newest moment that is settled; nothing before the first.
  const std::optional<std::string>& settled() const { return settled_; }
  bool newest_is_settled() const { return moments_.empty(); }
  // What is in flight since some moment, by name; a number for each moment.
  const std::map<std::string, std::int64_t>& running() const { return running_; }
  // The oldest moment that is not settled, and one that it waits for; nothing: all are.
  struct Waiting {
    std::string moment;
    std::string name;
    bool is_prepared = false;
  };
  std::optional<Waiting> oldest_waiting() const;

 private:
  struct Moment {
    std::int64_t number;
    std::string text;
  };
  void forget_ended(const InFlight& now);
  void settle();
  void thin();
  std::int64_t oldest_pending() const;

  std::int64_t last_number_ = 0;
  std::deque<Moment> moments_;  // not settled, oldest first
  std::optional<std::string> settled_;
  // By name: the number of the first moment at which it may have been in flight. A moment waits for
  // every name whose number is not above its own.
  std::map<std::string, std::int64_t> running_;
  std::map<std::string, std::int64_t> prepared_;
};

}  // namespace tidemark
