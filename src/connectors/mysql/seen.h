// Seen: what one look at a server saw, and how a SampleRing takes it.
//
// MySQL takes a row's time when the statement starts, and shows the row when the transaction
// commits. Between the two the statement may wait for a metadata lock, where it is in no list of
// transactions, and the session may then sleep in its transaction, where it is in no list of
// statements and the transaction seems younger than the row. So a statement that has ended is
// waited for as the transaction that its session is in by then. A row with a value below a look's
// moment was written by a statement that had started then, so it is committed, or it is in the
// look.
//
// Plain values; no server. One thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "connect/watermark_memory.h"

namespace tidemark::mysql {

// REQUIRES that the moment was taken first, then the statements, then the transactions, then the
// prepared ones: what moves on meanwhile is then seen in the later list.
struct Seen {
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
  std::vector<std::string> prepared;  // XA
};

// A new moment of the ring. False: the clock was behind an earlier look, so that only what ended
// since counts.
bool add(const Seen& seen, WatermarkMemory& memory);

// What the oldest moment that waits waits for, for people; empty: none waits.
std::string holder(const SampleRing& ring);

}  // namespace tidemark::mysql
