// Connection: one session with a Redis behind RAII, and the replies it gives.
//
// Blocking, but never for long: each call has a time in which the server must have answered.
// One thread at a time. After a failed call the session is lost, since what it was asked may still
// come. REQUIRES that the process ignores SIGPIPE. This folder alone includes hiredis.
//
// A host that is a name is looked up by the system at each `connect`, which takes as long as that
// takes.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/secret.h"
#include "drivers/redis/address.h"

namespace tidemark::redis {

struct ConnectOptions {
  Address address;
  Secret password;
  std::chrono::milliseconds connect_timeout{50};
  std::chrono::milliseconds silence_max{50};  // of a server that was asked something
  std::chrono::milliseconds answer_max{250};  // until all of an answer is there
};

// What one command came to.
struct Reply {
  enum class Kind {
    nothing,  // there is no such key
    text,     // also a status as `OK`
    integer,
    list,
    refusal,  // an error of the server, in `text`
  };
  Kind kind = Kind::nothing;
  std::string text;
  std::int64_t integer = 0;
  std::vector<Reply> list;
};

// Words that live until the call returns; any bytes.
using Command = std::vector<std::string_view>;

class Connection {
 public:
  // Connects, says who it is and chooses the database. Errors: `cache.away` when nobody answers in
  // time, `cache.refused` with the server's words when it says no.
  static Result<std::unique_ptr<Connection>> connect(const ConnectOptions& options);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Sends all commands and reads a reply to each, in one round trip. A refusal is a reply.
  // `cache.away`: what became of the commands is unknown, and the session is lost.
  Result<std::vector<Reply>> ask(const std::vector<Command>& commands);

 private:
  struct Impl;
  explicit Connection(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// `cache.refused` with the server's words.
Error refused(const Reply& reply);

}  // namespace tidemark::redis
