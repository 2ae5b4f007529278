// Session: one connection of a client, request after request; private to this folder.
//
// Owned by ServerCore. On the loop's thread, all of it.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "drivers/http/byte_stream.h"
#include "drivers/http/event_loop.h"
#include "drivers/http/request_reader.h"
#include "drivers/http/response_stream.h"
#include "drivers/http/server_core.h"

namespace tidemark {

class Session final : public EventLoop::Watcher {
 public:
  Session(ServerCore& core, std::uint64_t id, Descriptor socket, std::string peer,
          std::string address_key);
  ~Session() override;

  // Goes on as far as that is possible without waiting.
  void progress();
  void on_ready() override { progress(); }
  // Ends what takes too long.
  void check_time();
  // The server stops: ends at once, or when what is under way is answered.
  void drain();
  // Answers the request under way. REQUIRES that it was handed to the handlers.
  void answer(HttpResponse response);
  void begin_stream(const HttpResponse& head, std::shared_ptr<ResponseStream> stream);

  // Since when it waits for a request of which nothing has come; nothing while it does not.
  std::optional<std::chrono::nanoseconds> idle_since() const;
  const std::string& address_key() const { return address_key_; }
  // Ends it, whatever is under way.
  void close();
  // Lets go of what the core counts, and of the socket. Called by the core alone.
  void release();

 private:
  enum class Phase { handshake, reading, handling, answering, streaming, leaving, closed };

  // One step; false where it must wait.
  bool step();
  bool step_handshake();
  bool step_reading();
  bool step_answering();
  bool step_streaming();
  bool step_leaving();

  void next_request();
  void feed(std::string_view bytes);
  void take_head();
  void take_body(std::size_t bytes);
  void dispatch();
  // Answered by the server itself; then the connection ends.
  void refuse(const HttpFault& fault);
  void respond(HttpResponse response, bool closes);
  void begin_writing();
  void end_answer();
  void leave();
  // Ends it without waiting for a client that does not read.
  void cut_off();
  void free_body_bytes();
  // Reads into the shared scratch; empty where there is nothing now, or no more.
  std::string_view read();
  // Writes what is to be written. True when all of it is gone.
  bool flush();
  // Notes what to wait for; where there is nothing to wait for, the session ends.
  void await(const Transfer& transfer);
  // The deadline of a phase in which bytes must move, and at some rate.
  void expect_bytes(std::chrono::nanoseconds grace);

  ServerCore& core_;
  const std::uint64_t id_;
  Descriptor socket_;
  const std::string peer_;
  const std::string address_key_;
  std::unique_ptr<ByteStream> bytes_;
  Phase phase_;
  bool awaits_read_ = false;
  bool awaits_write_ = false;
  bool is_progressing_ = false;

  RequestReader reader_;
  bool is_first_request_ = true;
  std::string ahead_;           // read, and of later requests
  std::size_t body_bytes_ = 0;  // counted in the core
  bool is_head_ = false;        // the request's method is HEAD
  bool closes_ = false;         // with the answer

  std::deque<std::string> out_;
  std::size_t out_sent_ = 0;  // of the first
  std::shared_ptr<ResponseStream> stream_;
  bool stream_is_chunked_ = false;

  std::chrono::nanoseconds since_;  // of the phase, or of the request's first byte
  std::optional<std::chrono::nanoseconds> deadline_;
  std::size_t moved_bytes_ = 0;  // in the phase
  std::size_t dropped_bytes_ = 0;
};

}  // namespace tidemark
