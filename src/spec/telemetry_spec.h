// TelemetrySpec: where traces of runs are sent, and what they say of who sent them. A plain value.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/secret.h"

namespace tidemark {

// A collector that takes OTLP over HTTP.
struct OtlpSpec {
  std::string endpoint;  // without `/v1/traces`
  std::vector<std::pair<std::string, Secret>> headers;
  std::chrono::milliseconds timeout{10'000};  // of one request
  std::vector<std::string> networks;  // besides the Internet and this machine, that it may be in
};

struct TelemetrySpec {
  OtlpSpec otlp;
  std::string service_name = "tidemark";
  std::vector<std::pair<std::string, std::string>> attributes;  // of the service, as it calls them
};

}  // namespace tidemark
