// A client of tests: bytes over a real socket, and what comes back; waits ten seconds at most.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <cstdlib>
#include <string>
#include <string_view>

#include "drivers/http/descriptor.h"

namespace tidemark::testing {

struct RawAnswer {
  int status = 0;  // 0: nothing came
  std::string head;
  std::string body;
  bool has(std::string_view line) const { return head.find(line) != std::string::npos; }
};

class RawClient {
 public:
  // `from`: of which of this machine's addresses.
  explicit RawClient(int port, const char* from = "127.0.0.1", int receive_bytes = 0)
      : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const timeval patience{10, 0};
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (receive_bytes > 0)
      ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof receive_bytes);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    ::inet_pton(AF_INET, from, &address.sin_addr);
    ::bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address);
    ::inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    connected_ =
        ::connect(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }

  bool connected() const { return connected_; }
  int descriptor() const { return socket_.get(); }

  // How much of it the server, or the kernel, took.
  std::size_t send(std::string_view bytes) {
    std::size_t sent = 0;
    while (sent < bytes.size()) {
      const ssize_t step =
          ::send(socket_.get(), bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
      if (step <= 0) break;
      sent += static_cast<std::size_t>(step);
    }
    return sent;
  }

  // One answer, whose body has a content-length, unless there is none (`of_head`).
  RawAnswer answer(bool of_head = false) {
    RawAnswer answer;
    std::size_t end = 0;
    while ((end = kept_.find("\r\n\r\n")) == std::string::npos)
      if (!receive()) return answer;
    answer.head = kept_.substr(0, end + 4);
    kept_.erase(0, end + 4);
    answer.status = std::atoi(answer.head.c_str() + answer.head.find(' '));
    const std::size_t at = answer.head.find("Content-Length: ");
    const std::size_t size =
        at == std::string::npos || of_head ? 0 : std::strtoul(&answer.head[at + 16], nullptr, 10);
    while (kept_.size() < size)
      if (!receive()) break;
    answer.body = kept_.substr(0, size);
    kept_.erase(0, answer.body.size());
    return answer;
  }

  // Up to and with `end`; what came, where that does not come.
  std::string until(std::string_view end) {
    std::size_t at = 0;
    while ((at = kept_.find(end)) == std::string::npos)
      if (!receive()) break;
    std::string text = kept_.substr(0, at == std::string::npos ? at : at + end.size());
    kept_.erase(0, text.size());
    return text;
  }

  // Everything until the server closes. `closed()` tells whether it did.
  std::string rest() {
    while (receive()) {
    }
    return std::move(kept_);
  }
  // Whether the server has closed the connection, or does within ten seconds, sending nothing more.
  bool closed() { return kept_.empty() && !receive() && closed_; }

  // Ends with a reset.
  void reset() {
    const linger at_once{1, 0};
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    socket_.close();
  }
  void close() { socket_.close(); }
  void half_close() { ::shutdown(socket_.get(), SHUT_WR); }

 private:
  bool receive() {
    std::array<char, 65536> piece{};
    const ssize_t got = ::recv(socket_.get(), piece.data(), piece.size(), 0);
    closed_ = got == 0 || (got < 0 && errno == ECONNRESET);
    if (got <= 0) return false;
    kept_.append(piece.data(), static_cast<std::size_t>(got));
    return true;
  }

  Descriptor socket_;
  bool connected_ = false;
  bool closed_ = false;
  std::string kept_;
};

}  // namespace tidemark::testing
