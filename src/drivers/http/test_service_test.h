// A service of tests: a server with handlers that do a little of everything, over a clock that
// stands still until it is moved.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "drivers/http/http_server.h"

namespace tidemark::testing {

// A gate at which handlers wait.
class Gate {
 public:
  void open() {
    const std::lock_guard lock(mutex_);
    is_open_ = true;
    changed_.notify_all();
  }
  void pass() {
    std::unique_lock lock(mutex_);
    ++waiting_;
    changed_.notify_all();
    changed_.wait(lock, [&] { return is_open_; });
  }
  void await(int waiting) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return waiting_ >= waiting; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_open_ = false;
  int waiting_ = 0;
};

// What is answered: `/echo` the body, `/wait` when the gate opens, `/large` ten million bytes,
// `/stream` by a stream that the test holds, `/throw` and `/nothing` not at all, others where they
// went. `/closed` is not admitted; `/small` admits ten bytes.
class TestService {
 public:
  explicit TestService(HttpServerOptions options = {}) {
    HttpHandlers handlers;
    handlers.admit = [](const HttpRequest& head) {
      HttpAdmission admission{.body_max = head.path == "/small" ? 10U : 2'000'000U};
      if (head.path == "/closed") admission.refusal = HttpResponse{.status = 401, .body = "no"};
      return admission;
    };
    handlers.handle = [this](HttpExchange& exchange) { handle(exchange); };
    handlers.refuse = [](int status, std::string_view what) {
      return HttpResponse{.status = status, .body = std::string(what)};
    };
    auto started = HttpServer::start(clock, std::move(options), std::move(handlers));
    EXPECT_TRUE(started.ok()) << (started.ok() ? "" : started.error().describe());
    server = std::move(started).value();
  }
  ~TestService() {
    gate.open();
    server.reset();
  }

  int port() const { return server->port(); }

  std::shared_ptr<HttpStream> stream() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return stream_ != nullptr; });
    return std::exchange(stream_, nullptr);
  }

  ManualClock clock{UtcMicros(784'111'777'000'000)};
  Gate gate;
  std::atomic<int> handled{0};
  std::unique_ptr<HttpServer> server;

 private:
  void handle(HttpExchange& exchange) {
    ++handled;
    const HttpRequest& request = exchange.request();
    if (request.path == "/throw") throw std::runtime_error("a fault");
    if (request.path == "/nothing") return;
    if (request.path == "/wait") gate.pass();
    if (request.path == "/empty") return exchange.answer({.status = 204});
    if (request.path == "/large") return exchange.answer({.body = std::string(10'000'000, 'x')});
    if (request.path == "/stream") {
      auto stream = exchange.stream({.headers = {{"Content-Type", "text/event-stream"}}});
      const std::lock_guard lock(mutex_);
      stream_ = std::move(stream);
      changed_.notify_all();
      return;
    }
    if (request.path == "/split")
      return exchange.answer({.headers = {{"Location", "/a\r\nSet-Cookie: b"}}});
    if (request.path == "/echo" || request.path == "/small")
      return exchange.answer({.headers = {{"X-Peer", request.peer}}, .body = request.body});
    exchange.answer({.body = request.method + " " + request.path + " " + request.query});
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::shared_ptr<HttpStream> stream_;
};

inline std::string get(const std::string& target, const std::string& more = "") {
  return "GET " + target + " HTTP/1.1\r\nHost: a\r\n" + more + "\r\n";
}

inline std::string post(const std::string& target, const std::string& body,
                        const std::string& more = "") {
  return "POST " + target + " HTTP/1.1\r\nHost: a\r\n" + more +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

}  // namespace tidemark::testing
