#include "drivers/http/byte_stream.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace tidemark {
namespace {

using Outcome = Transfer::Outcome;

class PlainStream final : public ByteStream {
 public:
  explicit PlainStream(int descriptor) : descriptor_(descriptor) {}

  Transfer handshake() override { return {Outcome::done}; }
  Transfer read(char* into, std::size_t bytes_max) override {
    return noted(socket_read(descriptor_, into, bytes_max));
  }
  Transfer write(std::string_view bytes) override {
    return noted(socket_write(descriptor_, bytes));
  }
  void end() override { ::shutdown(descriptor_, SHUT_WR); }
  std::string failure() const override { return error_ == 0 ? "" : std::strerror(error_); }

 private:
  Transfer noted(Transfer transfer) {
    if (transfer.outcome == Outcome::failed) error_ = errno;
    return transfer;
  }

  int descriptor_;
  int error_ = 0;
};

Transfer transfer_of(ssize_t bytes, Outcome wait) {
  if (bytes > 0) return {Outcome::done, static_cast<std::size_t>(bytes)};
  if (bytes == 0) return {Outcome::end};
  return {errno == EAGAIN || errno == EWOULDBLOCK ? wait : Outcome::failed};
}

}  // namespace

Transfer socket_read(int descriptor, char* into, std::size_t bytes_max) {
  ssize_t bytes = 0;
  do
    bytes = ::recv(descriptor, into, bytes_max, 0);
  while (bytes < 0 && errno == EINTR);
  return transfer_of(bytes, Outcome::wait_read);
}

Transfer socket_write(int descriptor, std::string_view bytes) {
  ssize_t sent = 0;
  do
    sent = ::send(descriptor, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  while (sent < 0 && errno == EINTR);
  return transfer_of(sent, Outcome::wait_write);
}

std::unique_ptr<ByteStream> plain_stream(int descriptor) {
  return std::make_unique<PlainStream>(descriptor);
}

}  // namespace tidemark
