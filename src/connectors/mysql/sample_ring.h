// SampleRing: what was in flight on a server at the moments it was looked at, and so up to which of
// these moments nothing can come late any more.
//
// MySQL takes a row's time when the statement starts, and shows the row when the transaction
// commits. Between the two the statement may wait for a metadata lock, where it is in no list of
// transactions, and the session may then sleep in its transaction, where it is in no list of
// statements and the transaction seems younger than the row. One look cannot tell; so each look (a
// sample) is kept, with what was in flight then, until every piece of that has ended. A row with a
// value below the sample's moment was written by a statement that had started then, so it is
// committed, or it is in the sample.
//
// Plain values and text; no server. One thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tidemark::mysql {

// One look. REQUIRES that the moment was taken first, then the statements, then the transactions,
// then the prepared ones: what moves on meanwhile is then seen in the later list.
struct InFlight {
  struct Statement {
    std::uint64_t session = 0;
    // When it started: `m` and milliseconds, or `s` and seconds. What started at about the same
    // time is the same statement: the number that a server gives each one changes within a stored
    // function, whose rows have the time of the whole.
    std::string start;
  };
  // A transaction that has written.
  struct Transaction {
    std::string id;
    std::uint64_t session = 0;  // 0: none any more
  };
  std::string moment;  // `2024-01-01 00:00:00.000000`, UTC, the server's clock
  std::vector<Statement> statements;
  std::vector<Transaction> transactions;
  std::vector<std::string> prepared;  // XA, in any text without blanks
};

class SampleRing {
 public:
  static constexpr std::size_t samples_max = 64;

  // From text(); empty where `memory` is empty, not ours, or of another server.
  static SampleRing parse(std::string_view memory, std::string_view server);
  std::string text() const;

  // Takes a look: what older samples wait for is held against it, then it is a sample itself.
  void add(const InFlight& now);
  // The newest moment below which every row is committed and visible.
  const std::optional<std::string>& released() const { return released_; }
  // How many samples wait, and what the oldest of them waits for, for people.
  std::size_t waiting() const { return samples_.size(); }
  std::string holder() const;
  // The moment of the last look that was taken; empty: none.
  std::string newest() const;
  // The clock was behind an earlier look at the last add().
  bool clock_went_back() const { return clock_went_back_; }

 private:
  // `q` a statement (a = session, b = start), `t` a transaction, `x` a prepared one (a).
  struct Item {
    char kind = 't';
    std::string a;
    std::string b;
    friend bool operator==(const Item&, const Item&) = default;
  };
  struct Sample {
    std::string moment;
    std::vector<Item> items;
  };
  static std::optional<Item> still_there(const Item& item, const InFlight& now);
  void thin_out();

  std::string server_;
  std::optional<std::string> released_;
  std::vector<std::string> prepared_;  // at the last look
  std::vector<Sample> samples_;        // those that wait, oldest first
  bool clock_went_back_ = false;
};

}  // namespace tidemark::mysql
