#include "drivers/http/http_server.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <thread>
#include <utility>

#include "drivers/http/quiet_thread.h"
#include "drivers/http/server_core.h"
#include "drivers/http/session.h"

namespace tidemark {
namespace {

constexpr std::chrono::milliseconds tick_every{100};
constexpr int accepted_per_turn_max = 64;
constexpr int backlog = 512;

Error cannot_listen(const HttpServerOptions& options, const std::string& why) {
  return user_error(
      "http.cannot_listen",
      "cannot listen on " + options.address + " port " + std::to_string(options.port) + ": " + why,
      "choose an address of this machine and a port that no other process has");
}

Result<Descriptor> listen_on(const HttpServerOptions& options) {
  addrinfo asked{};
  asked.ai_socktype = SOCK_STREAM;
  asked.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int failed =
      ::getaddrinfo(options.address.c_str(), std::to_string(options.port).c_str(), &asked, &found);
  if (failed != 0) return cannot_listen(options, ::gai_strerror(failed));
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, &::freeaddrinfo);
  Descriptor socket(::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int on = 1;
  if (!socket.is_open() ||
      ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      ::bind(socket.get(), found->ai_addr, found->ai_addrlen) != 0 ||
      ::listen(socket.get(), backlog) != 0)
    return cannot_listen(options, std::strerror(errno));
  return socket;
}

int port_of(const sockaddr_storage& address) {
  return ntohs(address.ss_family == AF_INET6
                   ? reinterpret_cast<const sockaddr_in6&>(address).sin6_port
                   : reinterpret_cast<const sockaddr_in&>(address).sin_port);
}

struct Peer {
  std::string address;
  // What connections are counted by: one who has an address of IPv6 has 2^64 of them.
  std::string key;
};

Peer peer_of(const sockaddr_storage& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.ss_family != AF_INET6) {
    const auto& four = reinterpret_cast<const sockaddr_in&>(address);
    ::inet_ntop(AF_INET, &four.sin_addr, text.data(), text.size());
    return {text.data(), text.data()};
  }
  const auto& six = reinterpret_cast<const sockaddr_in6&>(address);
  if (IN6_IS_ADDR_V4MAPPED(&six.sin6_addr)) {
    ::inet_ntop(AF_INET, &six.sin6_addr.s6_addr[12], text.data(), text.size());
    return {text.data(), text.data()};
  }
  ::inet_ntop(AF_INET6, &six.sin6_addr, text.data(), text.size());
  return {text.data(), std::string(reinterpret_cast<const char*>(&six.sin6_addr), 8)};
}

// Changes when one of the files is another one, or has another content.
std::string state_of(const TlsFiles& files) {
  std::string state;
  for (const auto& path : {files.certificate, files.key}) {
    struct stat found{};
    if (::stat(path.c_str(), &found) != 0) return "";
    state += std::to_string(found.st_ino) + "/" + std::to_string(found.st_size) + "/" +
             std::to_string(found.st_mtim.tv_sec) + "." + std::to_string(found.st_mtim.tv_nsec) +
             " ";
  }
  return state;
}

}  // namespace

struct HttpServer::Impl final : EventLoop::Watcher {
  Impl(const Clock& clock, HttpServerOptions options, HttpHandlers handlers,
       std::shared_ptr<const TlsContext> tls, std::unique_ptr<EventLoop> loop, Descriptor listening,
       int listening_port)
      : core(clock, std::move(options), std::move(handlers), std::move(tls), std::move(loop)),
        listener(std::move(listening)),
        port(listening_port) {
    if (core.options.tls) tls_state = state_of(*core.options.tls);
    next_tls_check = core.now() + core.options.tls_check;
  }

  void on_ready() override {
    for (int i = 0; i < accepted_per_turn_max; ++i) {
      sockaddr_storage address{};
      socklen_t size = sizeof address;
      Descriptor socket(::accept4(listener.get(), reinterpret_cast<sockaddr*>(&address), &size,
                                  SOCK_CLOEXEC | SOCK_NONBLOCK));
      if (!socket.is_open()) {
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) rest();
        return;
      }
      const int on = 1;
      ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      const Peer peer = peer_of(address);
      core.welcome(std::move(socket), peer.address, peer.key);
    }
  }

  // No connection can be made until another one ends: one that is idle does, and the rest wait.
  void rest() {
    core.drop_idle(nullptr);
    core.loop->watch(listener.get(), *this, false, false);
  }

  void tick() {
    if (listener.is_open()) core.loop->watch(listener.get(), *this, true, false);
    core.tick();
    if (!core.options.tls || core.now() < next_tls_check) return;
    next_tls_check = core.now() + core.options.tls_check;
    std::string state = state_of(*core.options.tls);
    if (state == tls_state) return;
    tls_state = std::move(state);
    auto loaded = TlsContext::server(*core.options.tls);
    if (loaded.ok())
      core.tls = std::move(loaded).value();
    else if (core.options.report)
      core.options.report(loaded.error());
  }

  void stop(std::chrono::milliseconds drain) {
    const std::lock_guard lock(stopping);
    if (!thread.joinable()) return;
    std::atomic<bool> is_draining{false};
    core.loop->post([&] {
      core.loop->watch(listener.get(), *this, false, false);
      listener.close();
      core.drain();
      is_draining = true;
    });
    const auto until = std::chrono::steady_clock::now() + drain;
    while (!is_draining || (core.open_sessions > 0 && std::chrono::steady_clock::now() < until))
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    core.queue.close();
    core.loop->post([this] { core.close_all(); });
    core.loop->stop();
    thread.join();
  }

  ServerCore core;
  Descriptor listener;
  const int port;
  std::string tls_state;
  std::chrono::nanoseconds next_tls_check{};
  std::mutex stopping;
  std::thread thread;  // under stopping
};

Result<std::unique_ptr<HttpServer>> HttpServer::start(const Clock& clock, HttpServerOptions options,
                                                      HttpHandlers handlers) {
  std::shared_ptr<const TlsContext> tls;
  if (options.tls) {
    TM_TRY(tls, TlsContext::server(*options.tls));
  }
  TM_TRY(Descriptor listener, listen_on(options));
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  if (::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&bound), &size) != 0)
    return cannot_listen(options, std::strerror(errno));
  TM_TRY(auto loop, EventLoop::make());
  auto impl = std::make_unique<Impl>(clock, std::move(options), std::move(handlers), std::move(tls),
                                     std::move(loop), std::move(listener), port_of(bound));
  Impl& running = *impl;
  running.core.loop->watch(running.listener.get(), running, true, false);
  running.thread = quiet_thread(
      [&running] { running.core.loop->run(tick_every, [&running] { running.tick(); }); });
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

HttpServer::~HttpServer() {
  stop(std::chrono::milliseconds(0));
}

int HttpServer::port() const {
  return impl_->port;
}

Status HttpServer::reload_tls() {
  if (!impl_->core.options.tls) return {};
  TM_TRY(std::shared_ptr<const TlsContext> loaded, TlsContext::server(*impl_->core.options.tls));
  impl_->core.loop->post([&core = impl_->core, loaded] { core.tls = loaded; });
  return {};
}

void HttpServer::stop(std::chrono::milliseconds drain) {
  impl_->stop(drain);
}

}  // namespace tidemark
