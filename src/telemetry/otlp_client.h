// OtlpClient: hands documents of OTLP to the collector of `telemetry:` over HTTP.
//
// Owned by who sends; any thread. post() blocks for the spec's timeout at most, and ends soon after
// a cancel. Nothing that it returns shows a header, or what the collector said.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/cancel.h"
#include "base/result.h"
#include "drivers/http/http_client.h"
#include "env/clock.h"
#include "spec/telemetry_spec.h"

namespace tidemark {

struct OtlpAnswer {
  enum class Kind {
    taken,
    again,    // may be taken later; it may have been taken already
    refused,  // and would be again
  };
  Kind kind = Kind::taken;
  std::string why;                 // for people, what the collector did; empty: it took all
  std::int64_t spans_refused = 0;  // of what was taken
  std::optional<std::chrono::milliseconds> after;  // the collector wants to be left alone for that
};

// What an answer of HTTP means.
OtlpAnswer meaning_of(const HttpResponse& response);

class OtlpClient {
 public:
  // Errors: those of HttpClient::make() and of AddressRules::allowing().
  static Result<std::unique_ptr<OtlpClient>> make(const OtlpSpec& spec, const Clock& clock);

  OtlpAnswer post(const std::string& document, const Cancel& cancel) const;

 private:
  OtlpClient(OtlpSpec spec, std::unique_ptr<HttpClient> client, std::string shown)
      : spec_(std::move(spec)), client_(std::move(client)), shown_(std::move(shown)) {}
  Result<HttpResponse> send(const std::string& document, const Cancel& cancel) const;

  const OtlpSpec spec_;
  const std::unique_ptr<HttpClient> client_;
  const std::string shown_;  // its address, as `http://localhost:4318`
};

}  // namespace tidemark
