#include "spec/telemetry_yaml.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "drivers/http/address_rules.h"
#include "drivers/http/url.h"

namespace tidemark {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds timeout_min{1'000};
constexpr milliseconds timeout_max{60'000};
constexpr std::size_t attributes_max = 50;
constexpr std::string_view traces_path = "/v1/traces";

bool is_this_machine(const std::string& host) {
  const auto address = IpAddress::parse(host);
  return host == "localhost" || (address && special_use(*address) == "a loopback address");
}

bool is_header_name(const std::string& name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

// Said by every request itself.
bool is_own_header(std::string name) {
  std::transform(name.begin(), name.end(), name.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  constexpr std::array<std::string_view, 6> own{"host",         "connection", "content-length",
                                                "content-type", "user-agent", "transfer-encoding"};
  return std::find(own.begin(), own.end(), name) != own.end();
}

using Headers = std::vector<std::pair<std::string, Secret>>;

ValueSpec<Headers> headers_value() {
  return config::converted<Headers, std::vector<config::MapItem<Secret>>>(
      config::map_of(config::secret(), "a mapping of names to values"),
      [](auto&& items, const YamlNode&, ReadContext& context, Headers& headers) {
        for (auto& item : items) {
          if (!is_header_name(item.key.value)) {
            context.fault(item.key.at, "`" + item.key.value + "` cannot be the name of a header",
                          "write a name such as authorization");
          } else if (is_own_header(item.key.value)) {
            context.fault(item.key.at, "each request says `" + item.key.value + "` itself",
                          "remove it");
          }
          headers.emplace_back(std::move(item.key.value), std::move(item.value));
        }
        return true;
      });
}

using Attributes = std::vector<std::pair<std::string, std::string>>;

ValueSpec<Attributes> attributes_value() {
  return config::converted<Attributes, std::vector<config::MapItem<std::string>>>(
      config::map_of(config::text(), "a mapping of names to texts"),
      [](auto&& items, const YamlNode& node, ReadContext& context, Attributes& attributes) {
        for (auto& item : items) {
          if (item.key.value == "service.name") {
            context.fault(item.key.at, "the name of the service stands at `service_name`",
                          "write `service_name: NAME`");
          }
          attributes.emplace_back(std::move(item.key.value), std::move(item.value));
        }
        if (attributes.size() > attributes_max) {
          context.fault(place(node.at), "there are more than 50 attributes",
                        "they are sent with every batch of traces: keep those that tell services "
                        "apart");
        }
        return true;
      });
}

void check_endpoint(const OtlpSpec& otlp, const YamlPosition at, ReadContext& context) {
  const auto url = Url::parse(otlp.endpoint);
  if (!url.ok()) return context.fault(at, url.error().message, url.error().hint);
  if (!url->is_https && !is_this_machine(url->host) && otlp.networks.empty()) {
    context.fault(at, "what goes to `" + url->shown() + "` is read by everybody on the way",
                  "write an address of https; one of http is for this machine, and for networks "
                  "that `networks` names");
  } else if (url->target.find('?') != std::string::npos) {
    context.fault(at, "the address of a collector has no query", "remove it from `?` on");
  } else if (url->target.ends_with(traces_path)) {
    context.fault(at, "`/v1/traces` is added to the address of a collector", "write it without");
  }
}

void check_otlp(const OtlpSpec& otlp, const YamlNode& node, ReadContext& context) {
  if (const YamlNode* networks = node.find("networks")) {
    const auto rules = AddressRules::allowing(otlp.networks);
    if (!rules.ok()) context.fault(networks->at, rules.error().message, rules.error().hint);
  }
  if (const YamlNode* endpoint = node.find("endpoint"); endpoint != nullptr)
    check_endpoint(otlp, endpoint->at, context);
  const YamlNode* const timeout = node.find("timeout");
  if (timeout != nullptr && (otlp.timeout < timeout_min || otlp.timeout > timeout_max)) {
    context.fault(timeout->at, "`timeout` must be from 1s to 1m",
                  "10s is good: what takes longer is sent again");
  }
}

ValueSpec<OtlpSpec> otlp_value() {
  ConfigSpec<OtlpSpec> spec("otlp",
                            "A collector of OpenTelemetry that takes OTLP over HTTP, as JSON.",
                            "{endpoint: \"http://localhost:4318\"}");
  spec.field("endpoint", &OtlpSpec::endpoint, config::text("an address"),
             {.required = true,
              .description = "`https://HOST[:PORT]`, perhaps with a path; `/v1/traces` is added. "
                             "`http://` for this machine, and for networks that `networks` names.",
              .example = "\"http://localhost:4318\""})
      .field("headers", &OtlpSpec::headers, headers_value(),
             {.default_note = "none",
              .description = "Headers of each request, such as what lets in. Their values are "
                             "secrets, read anew each time.",
              .example = "{authorization: \"${env:OTLP_AUTHORIZATION}\"}"})
      .field("timeout", &OtlpSpec::timeout, config::duration(),
             {.default_text = "10s",
              .description = "How long one request may take, from 1s to 1m.",
              .example = "5s"})
      .field("networks", &OtlpSpec::networks,
             config::list_or_one(config::text("a network"), "a list of networks"),
             {.default_note = "the Internet and this machine",
              .description = "Networks besides the Internet and this machine that the address may "
                             "be in; in these it may be one of plain http.",
              .example = "[10.1.0.0/16]"});
  spec.check(check_otlp);
  return config::object(std::move(spec));
}

}  // namespace

ValueSpec<TelemetrySpec> telemetry_value() {
  ConfigSpec<TelemetrySpec> spec("telemetry",
                                 "Where traces of runs are sent: see "
                                 "[Operations](../operations.md#traces). Runs never wait for it.",
                                 "{otlp: {endpoint: \"http://localhost:4318\"}}");
  spec.field("otlp", &TelemetrySpec::otlp, otlp_value(),
             {.required = true,
              .description = "The collector that takes them.",
              .example = "{endpoint: \"http://localhost:4318\"}"})
      .field("service_name", &TelemetrySpec::service_name, config::text("a name"),
             {.default_text = "tidemark",
              .description = "What the service is called in traces (`service.name`).",
              .example = "tidemark-sales"})
      .field("attributes", &TelemetrySpec::attributes, attributes_value(),
             {.default_note = "none",
              .description = "What else is said of the service, as resource attributes; at most "
                             "50.",
              .example = "{deployment.environment: prod}"});
  return config::object(std::move(spec));
}

}  // namespace tidemark
