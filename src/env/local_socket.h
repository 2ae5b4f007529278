// Local sockets: frames of bytes between processes of one user on one machine.
//
// A frame is a kind, one byte, and up to 16 MB. Both classes are move-only and own their
// descriptor. A channel may be read by one thread while others send.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/cancel.h"
#include "base/result.h"

namespace tidemark {

struct Frame {
  char kind = 0;
  std::string bytes;
};

class LocalChannel {
 public:
  explicit LocalChannel(int descriptor);
  ~LocalChannel();
  LocalChannel(const LocalChannel&) = delete;
  LocalChannel& operator=(const LocalChannel&) = delete;

  // Nothing where nobody listens there: no such file, or one that a dead process left.
  static Result<std::unique_ptr<LocalChannel>> connect(const std::filesystem::path& path);

  // Whole, also from several threads; waits while the other end does not read. `io.peer_gone` when
  // it is closed.
  Status send(char kind, std::string_view bytes);
  // Ends it for both sides, also a send() that waits; from any thread.
  void shut();
  // The next frame; nothing when none came within `wait`. `io.peer_gone` when the other end is
  // closed, `io.bad_frame` where it sent something else.
  Result<std::optional<Frame>> receive(std::chrono::milliseconds wait);

 private:
  int descriptor_;
  std::mutex sending_;
  std::string received_;  // of a frame that is not whole yet
};

class LocalListener {
 public:
  // Makes the socket, for this user alone, in the place of one that a dead process left. REQUIRES
  // that no other process listens there: who calls owns the folder.
  static Result<std::unique_ptr<LocalListener>> listen(const std::filesystem::path& path);
  ~LocalListener();
  LocalListener(const LocalListener&) = delete;
  LocalListener& operator=(const LocalListener&) = delete;

  // Who calls next; nothing when nobody did within `wait`.
  Result<std::unique_ptr<LocalChannel>> accept(std::chrono::milliseconds wait);

 private:
  LocalListener(int descriptor, std::filesystem::path path);
  int descriptor_;
  std::filesystem::path path_;
};

}  // namespace tidemark
