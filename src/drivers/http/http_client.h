// HttpClient: requests that Tidemark itself sends: webhooks, secret stores, traces.
//
// A host's name is looked up once, every address of it is checked by rules, and the connection goes
// to one of those very addresses, so that a name cannot mean another place a moment later. A
// connection for each request. Certificates are always verified. call() blocks, is safe from any
// thread, and watches its Cancel.
#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/result.h"
#include "drivers/http/address_rules.h"
#include "drivers/http/http.h"
#include "env/clock.h"

namespace tidemark {

struct HttpClientOptions {
  AddressRules rules;
  // For `http`, which others may read on its way; nothing: as for `https`.
  std::optional<AddressRules> plain_rules = std::nullopt;
  std::filesystem::path ca_file;  // trusted alone; empty: what the system trusts
  std::chrono::milliseconds connect_timeout{10'000};  // of each address, with the handshake of TLS
  std::chrono::milliseconds timeout{30'000};          // in all, with redirects
  std::size_t answer_bytes_max = 1 << 20;             // of the body
  // Of GET and HEAD, each checked as the first was, never to the other scheme. At most 3; 0: an
  // answer that redirects is the answer.
  int redirects_max = 0;
  // The addresses of a name; empty: the system's. Called on another thread, where it may still be
  // at work when the call has returned for lack of time.
  std::function<Result<std::vector<IpAddress>>(const std::string& host)> resolve;
};

struct HttpCall {
  std::string method = "GET";
  std::string url;
  std::vector<HttpHeader> headers;  // without host, content-length and connection
  std::string body;
};

class HttpClient {
 public:
  // Errors: those of TlsContext::client().
  static Result<std::unique_ptr<HttpClient>> make(const Clock& clock, HttpClientOptions options);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  // The answer, whatever its status; names of its headers are in lower case. Errors:
  // `http.bad_url`, `http.bad_header`, `http.cannot_resolve`, `http.address_refused`,
  // `http.cannot_connect`, `http.tls_failed`, `http.timeout`, `http.bad_answer`,
  // `http.answer_too_large`, `http.bad_redirect`, `run.cancelled`. None of them shows more of a URL
  // than its host, or anything of a body or a header. Once connected, the request may have been
  // acted upon when an error is returned.
  Result<HttpResponse> call(const HttpCall& call, const Cancel& cancel) const;

 private:
  struct Impl;
  explicit HttpClient(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace tidemark
