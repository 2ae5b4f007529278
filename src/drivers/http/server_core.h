// ServerCore: what the sessions of one server share; private to this folder.
//
// Owned by HttpServer, destroyed after its threads have ended. Everything belongs to the loop's
// thread, but what says otherwise.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "drivers/http/event_loop.h"
#include "drivers/http/http_server.h"
#include "drivers/http/tls.h"
#include "drivers/http/work_queue.h"

namespace tidemark {

class Session;

struct ServerCore {
  ServerCore(const Clock& clock_given, HttpServerOptions options_given, HttpHandlers handlers_given,
             std::shared_ptr<const TlsContext> tls_given, std::unique_ptr<EventLoop> loop_given);
  ~ServerCore();

  const Clock& clock;
  const HttpServerOptions options;
  const HttpHandlers handlers;
  std::unique_ptr<EventLoop> loop;  // outlives the sessions, which it watches
  WorkQueue queue;
  // Null: plain. Shared only with who brings a new one, by a function that can be copied.
  std::shared_ptr<const TlsContext> tls;
  std::unordered_map<std::uint64_t, std::unique_ptr<Session>> sessions;
  std::vector<std::unique_ptr<Session>> gone;    // until nobody is in the middle of one
  std::map<std::string, std::size_t> addresses;  // how many sessions each has
  std::uint64_t next_session = 1;
  std::size_t body_bytes = 0;  // of all requests under way
  bool draining = false;
  std::atomic<std::size_t> open_sessions = 0;  // for any thread
  std::array<char, 16 * 1024> scratch{};       // what was just read from a socket

  // Takes a client that has connected, or turns it away.
  void welcome(Descriptor socket, const std::string& peer, const std::string& address_key);
  // Of a session that has ended; it lives until the loop's next turn.
  void remove(std::uint64_t session);
  // The session, where it still is one.
  Session* find(std::uint64_t session);
  void tick();
  // Lets sessions end as soon as they have nothing under way.
  void drain();
  void close_all();
  std::chrono::nanoseconds now() const { return clock.monotonic(); }

  // From any thread: a stream of that session has something new.
  void nudge(std::uint64_t session);

  // Closes the session that has waited longest for a request, of one address or (null) of all.
  bool drop_idle(const std::string* address_key);

 private:
  void turn_away(Descriptor socket) const;
};

}  // namespace tidemark
