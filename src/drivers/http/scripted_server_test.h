// A server of tests that answers each connection by the next line of its script, whatever that is.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <chrono>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "drivers/http/descriptor.h"

namespace tidemark::testing {

class ScriptedServer {
 public:
  // `{port}` in an answer is the server's own. An answer that ends with `...` goes on for ever, a
  // byte now and then; an empty one never begins.
  explicit ScriptedServer(std::vector<std::string> answers)
      : answers_(std::move(answers)), listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(0, ::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), size));
    EXPECT_EQ(0, ::listen(listener_.get(), 16));
    EXPECT_EQ(0, ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size));
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~ScriptedServer() {
    stopped_ = true;
    thread_.join();
  }
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;

  int port() const { return port_; }
  std::string url(const std::string& target = "/") const {
    return "http://127.0.0.1:" + std::to_string(port_) + target;
  }
  // What the clients sent, one after the other.
  std::vector<std::string> requests() {
    const std::lock_guard lock(mutex_);
    return requests_;
  }

 private:
  bool readable(int descriptor) {
    while (!stopped_) {
      pollfd asked{descriptor, POLLIN, 0};
      if (::poll(&asked, 1, 20) > 0) return true;
    }
    return false;
  }

  void serve() {
    for (std::string answer : answers_) {
      if (!readable(listener_.get())) return;
      const Descriptor client(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      take_request(client.get());
      if (const std::size_t at = answer.find("{port}"); at != std::string::npos)
        answer.replace(at, 6, std::to_string(port_));
      const bool goes_on = answer.ends_with("...");
      if (goes_on) answer.resize(answer.size() - 3);
      ::send(client.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
      while ((goes_on || answer.empty()) && !stopped_) {
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
        if (goes_on && ::send(client.get(), "x", 1, MSG_NOSIGNAL) < 0) break;
      }
    }
  }

  void take_request(int client) {
    std::string request;
    std::array<char, 4096> piece{};
    while (true) {
      const std::size_t end = request.find("\r\n\r\n");
      const std::size_t length = request.find("Content-Length: ");
      const std::size_t body =
          length == std::string::npos ? 0 : std::strtoul(&request[length + 16], nullptr, 10);
      if (end != std::string::npos && request.size() >= end + 4 + body) break;
      if (!readable(client)) break;
      const ssize_t got = ::recv(client, piece.data(), piece.size(), 0);
      if (got <= 0) break;
      request.append(piece.data(), static_cast<std::size_t>(got));
    }
    const std::lock_guard lock(mutex_);
    requests_.push_back(request);
  }

  std::vector<std::string> answers_;
  Descriptor listener_;
  int port_ = 0;
  std::atomic<bool> stopped_{false};
  std::mutex mutex_;
  std::vector<std::string> requests_;  // under mutex_
  std::thread thread_;
};

}  // namespace tidemark::testing
