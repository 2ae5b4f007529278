// A client of tests that speaks TLS over a socket that blocks.
#pragma once

#include <fcntl.h>
#include <poll.h>

#include <array>
#include <memory>
#include <string>

#include "drivers/http/raw_client_test.h"
#include "drivers/http/tls.h"

namespace tidemark::testing {

class TlsClient {
 public:
  TlsClient(int port, const std::filesystem::path& authority, const std::string& host)
      : raw_(port) {
    auto context = TlsContext::client(authority);
    ::fcntl(raw_.descriptor(), F_SETFL, O_NONBLOCK);
    stream_ = context.value()->connect(raw_.descriptor(), host);
    is_trusted_ = repeat([&] { return stream_->handshake(); });
  }

  bool is_trusted() const { return is_trusted_; }
  std::string failure() const { return stream_->failure(); }
  void send(std::string_view bytes) {
    while (!bytes.empty() && repeat([&] { return stream_->write(bytes); }))
      bytes.remove_prefix(moved_);
  }
  // Up to `bytes_max`, or the server's end.
  std::string receive(std::size_t bytes_max) {
    std::string text;
    std::array<char, 4096> piece{};
    while (text.size() < bytes_max &&
           repeat([&] { return stream_->read(piece.data(), piece.size()); }))
      text.append(piece.data(), moved_);
    return text;
  }

 private:
  template <class Attempt>
  bool repeat(const Attempt& attempt) {
    while (true) {
      const Transfer transfer = attempt();
      moved_ = transfer.bytes;
      if (transfer.outcome == Transfer::Outcome::done) return true;
      const bool waits_to_write = transfer.outcome == Transfer::Outcome::wait_write;
      if (!waits_to_write && transfer.outcome != Transfer::Outcome::wait_read) return false;
      pollfd asked{raw_.descriptor(), static_cast<short>(waits_to_write ? POLLOUT : POLLIN), 0};
      if (::poll(&asked, 1, 10'000) != 1) return false;
    }
  }

  RawClient raw_;
  std::unique_ptr<ByteStream> stream_;
  bool is_trusted_ = false;
  std::size_t moved_ = 0;
};

}  // namespace tidemark::testing
