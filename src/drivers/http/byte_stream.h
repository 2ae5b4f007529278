// ByteStream: the bytes of one socket, plain or through TLS, without ever blocking; private to this
// folder.
//
// Belongs to one thread at a time. Does not own the descriptor, which outlives it and does not
// block.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace tidemark {

// What became of one attempt.
struct Transfer {
  enum class Outcome {
    done,        // `bytes` went, at least one; of a handshake: it is over
    wait_read,   // again when the socket can be read
    wait_write,  // again when the socket can be written
    end,         // the other side sends no more
    failed,      // the connection is of no use any more
  };
  Outcome outcome = Outcome::failed;
  std::size_t bytes = 0;
};

class ByteStream {
 public:
  virtual ~ByteStream() = default;
  // To be repeated until it is done; nothing else before.
  virtual Transfer handshake() = 0;
  virtual Transfer read(char* into, std::size_t bytes_max) = 0;
  // REQUIRES bytes that are not empty.
  virtual Transfer write(std::string_view bytes) = 0;
  // Tells the other side that no more is sent, as far as that goes without waiting.
  virtual void end() = 0;
  // Why it failed, for people; empty where nothing is known.
  virtual std::string failure() const = 0;
};

std::unique_ptr<ByteStream> plain_stream(int descriptor);

// One read or write of a socket, never with SIGPIPE.
Transfer socket_read(int descriptor, char* into, std::size_t bytes_max);
Transfer socket_write(int descriptor, std::string_view bytes);

}  // namespace tidemark
