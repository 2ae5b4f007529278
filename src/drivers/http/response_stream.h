// ResponseStream: what a handler sends without an end, kept until the session can write it; private
// to this folder.
//
// Shared by the session, which takes, and by whoever sends, from any thread, also after the server
// has gone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

#include "drivers/http/http.h"

namespace tidemark {

struct ServerCore;

class ResponseStream final : public HttpStream {
 public:
  ResponseStream(ServerCore& core, std::uint64_t session, std::size_t bytes_max);

  bool send(std::string_view text) override;
  void end() override;
  bool is_open() const override;

  // What is to be written next, `bytes_max` of it at most.
  std::string take(std::size_t bytes_max);
  // Whether all was taken and no more comes.
  bool is_over() const;
  // Whether the client was too slow for what is sent.
  bool is_overrun() const;
  // The client, or the server, is gone: whoever sends is told.
  void cut();

 private:
  void nudge();

  const std::uint64_t session_;
  const std::size_t bytes_max_;
  mutable std::mutex mutex_;
  ServerCore* core_;      // under mutex_; null when cut
  std::string kept_;      // under mutex_
  bool ended_ = false;    // under mutex_
  bool overrun_ = false;  // under mutex_
  bool nudged_ = false;   // under mutex_: the session was told and has not taken yet
};

}  // namespace tidemark
