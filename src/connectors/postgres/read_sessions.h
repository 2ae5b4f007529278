// ReadSessions: the sessions that the splits of one window are read in, all under one snapshot.
//
// A transaction's first query takes its snapshot. Where that has to wait for an ALTER TABLE that
// writes the table anew, the snapshot is older than the new table, in which it then sees no row at
// all. So each session locks the table before.
//
// The first session takes the snapshot and lends it to those beside it; it is kept from split to
// split, so that the snapshot can be lent as long as splits are read. Shared by a source and its
// readers; safe from any thread, but one caller of lead() and join() at a time.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "drivers/postgres/connection.h"

namespace tidemark::postgres {

class ReadSessions {
 public:
  // `lock` in SQL, empty where there is no table to hold; `lends`: there will be others to lend the
  // snapshot to.
  ReadSessions(std::string lock, bool lends) : lock_(std::move(lock)), lends_(lends) {}

  // What becomes of the first session when it was read to its end; else it is closed.
  using Done = std::function<void(std::unique_ptr<Connection>)>;
  void when_done(Done done);

  // The first session, in its transaction, where it is kept; else nothing, and the next is it.
  std::unique_ptr<Connection> kept();
  // Begins the transaction of the first session.
  Status lead(Connection& connection, Cancel& cancel);
  // Begins the transaction of another, on the same server. False: there is no snapshot to share
  // now.
  Result<bool> join(Connection& connection, Cancel& cancel);
  bool can_join() const;
  // A reader has read all of its split in the first session.
  void keep(std::unique_ptr<Connection> connection);
  void close();

 private:
  const std::string lock_;
  const bool lends_;
  mutable std::mutex mutex_;
  // Guarded by mutex_.
  Done done_;
  std::unique_ptr<Connection> first_;
  std::optional<std::string> snapshot_;
};

}  // namespace tidemark::postgres
