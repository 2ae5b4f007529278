// HttpServer: serves HTTP/1.1, plain or through TLS, by handlers, and lets no client cost more than
// its limits.
//
// One thread for all connections, and a few for the handlers, which may block. Life cycle: start()
// listens and returns; stop(), or the destructor, ends it. What the handlers use outlives it.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "drivers/http/head_rules.h"
#include "drivers/http/http.h"
#include "drivers/http/tls_files.h"
#include "env/clock.h"

namespace tidemark {

struct HttpServerOptions {
  std::string address = "127.0.0.1";  // to listen on
  int port = 0;                       // 0: any that is free
  std::optional<TlsFiles> tls;        // none: plain

  RequestLimits request;
  int threads = 8;                      // of the handlers
  std::size_t waiting_max = 256;        // requests that wait for one; more are answered 503
  std::size_t connections_max = 2'000;  // the one too many takes the place of an idle one, or ends
  std::size_t connections_per_address_max = 256;
  std::size_t body_bytes_max = 64 << 20;   // of all requests under way; more are answered 503
  std::size_t stream_bytes_max = 1 << 20;  // not yet read by a client; with more it is cut off

  // From connecting, or from the first byte of a later request, to the end of its head.
  std::chrono::milliseconds head_timeout{10'000};
  // Between two requests.
  std::chrono::milliseconds idle_timeout{60'000};
  // A body, and an answer, may take this long without a byte, and this long more than its bytes
  // need at that rate.
  std::chrono::milliseconds body_grace{10'000};
  std::chrono::milliseconds write_grace{30'000};
  std::size_t bytes_per_s_min = 1'024;

  // The files of TLS are looked at this often, and loaded again when they have changed.
  std::chrono::milliseconds tls_check{60'000};
  // Told, on the server's thread, what went wrong where nobody else is told: files of TLS that
  // cannot be loaded again, with which the server goes on as it is.
  std::function<void(const Error&)> report;
};

class HttpServer {
 public:
  // Errors: `http.cannot_listen`, and those of TlsContext::server().
  static Result<std::unique_ptr<HttpServer>> start(const Clock& clock, HttpServerOptions options,
                                                   HttpHandlers handlers);
  // stop(0).
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  int port() const;
  // Loads the files of TLS again, for the connections to come. After a failure the old ones stay
  // in use. From any thread but the handlers' own report.
  Status reload_tls();
  // Takes no connection any more, closes those that are idle, ends streams, and gives requests
  // under way this long; then closes what is left. Waits for the handlers, however long they take.
  // Not from a handler. Idempotent.
  void stop(std::chrono::milliseconds drain);

 private:
  struct Impl;
  explicit HttpServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace tidemark
