#include "telemetry/otlp_client.h"

#include <algorithm>
#include <charconv>
#include <utility>
#include <vector>

#include "drivers/http/url.h"
#include "drivers/json/json.h"

namespace tidemark {
namespace {

constexpr std::size_t answer_max = 64 << 10;
constexpr std::chrono::seconds after_max{600};

// In seconds; a date is left to our own pauses.
std::optional<std::chrono::milliseconds> retry_after(const HttpResponse& response) {
  for (const HttpHeader& header : response.headers) {
    if (header.name != "retry-after") continue;
    std::int64_t seconds = 0;
    const char* const end = header.value.data() + header.value.size();
    const auto [read, failed] = std::from_chars(header.value.data(), end, seconds);
    if (failed != std::errc() || read != end || seconds < 0) return std::nullopt;
    return std::min(std::chrono::seconds(seconds), after_max);
  }
  return std::nullopt;
}

// Of an answer that takes the document: how many of its spans are left out. Whoever says nothing
// that can be read has taken all.
std::int64_t spans_refused(const std::string& body) {
  const auto answer = parse_json(body);
  if (!answer.ok()) return 0;
  const JsonValue* const partial = answer->find("partialSuccess");
  const JsonValue* const count = partial == nullptr ? nullptr : partial->find("rejectedSpans");
  if (count == nullptr) return 0;
  std::int64_t refused = 0;
  if (const std::int64_t* number = count->integer()) {
    refused = *number;
  } else if (const std::string* text = count->string()) {
    std::from_chars(text->data(), text->data() + text->size(), refused);
  }
  return std::max<std::int64_t>(refused, 0);
}

}  // namespace

OtlpAnswer meaning_of(const HttpResponse& response) {
  OtlpAnswer answer;
  if (response.status >= 200 && response.status < 300) {
    answer.spans_refused = spans_refused(response.body);
    if (answer.spans_refused > 0)
      answer.why = "did not take " + std::to_string(answer.spans_refused) + " spans";
    return answer;
  }
  answer.why = "answered with status " + std::to_string(response.status);
  switch (response.status) {
    case 429:
    case 502:
    case 503:
    case 504:
      answer.kind = OtlpAnswer::Kind::again;
      answer.after = retry_after(response);
      return answer;
    default:
      answer.kind = OtlpAnswer::Kind::refused;
      return answer;
  }
}

Result<std::unique_ptr<OtlpClient>> OtlpClient::make(const OtlpSpec& spec, const Clock& clock) {
  TM_TRY(const Url url, Url::parse(spec.endpoint));
  std::vector<std::string> networks{"127.0.0.0/8", "::1"};
  networks.insert(networks.end(), spec.networks.begin(), spec.networks.end());
  HttpClientOptions options;
  TM_TRY(options.rules, AddressRules::allowing(networks));
  TM_TRY(options.plain_rules, AddressRules::within(networks));
  options.timeout = spec.timeout;
  options.connect_timeout = std::min(options.connect_timeout, spec.timeout);
  options.answer_bytes_max = answer_max;
  TM_TRY(auto client, HttpClient::make(clock, std::move(options)));
  return std::unique_ptr<OtlpClient>(new OtlpClient(spec, std::move(client), url.shown()));
}

Result<HttpResponse> OtlpClient::send(const std::string& document, const Cancel& cancel) const {
  HttpCall call;
  call.method = "POST";
  call.url = spec_.endpoint;
  while (call.url.ends_with('/'))
    call.url.pop_back();
  call.url += "/v1/traces";
  for (const auto& [name, value] : spec_.headers) {
    TM_TRY(const Secret now, value.now());
    call.headers.push_back({name, now.reveal()});
  }
  call.headers.push_back({"content-type", "application/json"});
  call.headers.push_back({"user-agent", "Tidemark"});
  call.body = document;
  return client_->call(call, cancel);
}

OtlpAnswer OtlpClient::post(const std::string& document, const Cancel& cancel) const {
  const auto response = send(document, cancel);
  if (response.ok()) {
    OtlpAnswer answer = meaning_of(*response);
    if (!answer.why.empty()) answer.why = shown_ + " " + answer.why;
    return answer;
  }
  OtlpAnswer answer;
  answer.kind = OtlpAnswer::Kind::again;
  answer.why = response.error().describe();
  return answer;
}

}  // namespace tidemark
