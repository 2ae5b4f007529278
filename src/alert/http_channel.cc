// The channels over HTTP: a signed webhook, what Slack takes, and the events of PagerDuty.
#include <algorithm>
#include <string_view>
#include <utility>

#include "alert/channel.h"
#include "drivers/http/http_client.h"
#include "drivers/http/url.h"
#include "drivers/sodium/sodium.h"

namespace tidemark {
namespace {

constexpr std::string_view pagerduty_url = "https://events.pagerduty.com/v2/enqueue";
constexpr std::string_view whole_key = "whsec_";
// What the other side takes at most; and less, so that no text is refused for its length.
constexpr std::size_t slack_text_max = 2'500;
constexpr std::size_t pagerduty_summary_max = 1'000;
constexpr std::size_t pagerduty_part_max = 250;

// So many bytes at most, and no half of a character.
std::string cut(std::string text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return text;
  std::size_t end = bytes_max;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80)
    --end;
  text.resize(end);
  return text + "...";
}

// As Slack wants it, so that nothing in an alert becomes a link or a call of everybody.
std::string escaped(const std::string& text) {
  std::string safe;
  for (const char letter : text) {
    if (letter == '&') {
      safe += "&amp;";
    } else if (letter == '<') {
      safe += "&lt;";
    } else if (letter == '>') {
      safe += "&gt;";
    } else {
      safe += letter;
    }
  }
  return safe;
}

JsonValue slack_document(const AlertMessage& message) {
  const std::string title = escaped(title_of(message));
  const std::string text = escaped(cut(text_of(message), slack_text_max));
  JsonValue block;
  block.set("type", "section");
  block.set("text", JsonValue().set("type", "mrkdwn").set("text", "*" + title + "*\n" + text));
  return JsonValue().set("text", title + "\n" + text).set("blocks", JsonArray{std::move(block)});
}

JsonValue pagerduty_event(const Secret& routing_key, const AlertMessage& message,
                          const AlertNotice& notice) {
  const AlertRecord& alert = notice.alert;
  const bool is_over = notice.kind == MessageKind::resolved;
  JsonValue event;
  event.set("routing_key", routing_key.reveal())
      .set("event_action", is_over ? "resolve" : "trigger");
  event.set("dedup_key", key_of(alert)).set("client", "Tidemark");
  if (is_over) return event;
  JsonValue details;
  details.set("hint", alert.hint).set("run_id", alert.run).set("runbook", alert.runbook);
  JsonValue payload;
  payload.set("summary", cut(alert.text, pagerduty_summary_max));
  payload.set("source", cut("tidemark " + message.project, pagerduty_part_max));
  payload.set("severity", message.is_test ? "info" : alert.severity);
  payload.set("timestamp", to_text(alert.opened_at)).set("class", alert.rule);
  payload.set("component", cut(alert.subject, pagerduty_part_max));
  return event.set("payload", payload.set("custom_details", std::move(details)));
}

class HttpChannel final : public Channel {
 public:
  HttpChannel(ChannelSpec spec, const Clock& clock, std::unique_ptr<HttpClient> client)
      : spec_(std::move(spec)), clock_(clock), client_(std::move(client)) {}

  Status send(const AlertMessage& message, const Cancel& cancel) override {
    switch (spec_.kind) {
      case ChannelKind::slack:
        return post(to_json(slack_document(message)), {}, cancel);
      case ChannelKind::pagerduty:
        return send_events(message, cancel);
      case ChannelKind::webhook:
      case ChannelKind::email:
      case ChannelKind::command:
        break;
    }
    const std::string body = to_json(document_of(message));
    constexpr std::int64_t micros = 1'000'000;
    const std::string seconds = std::to_string(clock_.now_utc().get() / micros);
    std::vector<HttpHeader> headers{{"webhook-id", message.id}, {"webhook-timestamp", seconds}};
    if (!spec_.key.empty()) {
      TM_TRY(const Secret key, spec_.key.now());
      headers.push_back(
          {"webhook-signature", signature_of(key.reveal(), message.id, seconds, body)});
    }
    return post(body, std::move(headers), cancel);
  }

 private:
  // An event for each alert; those that have arrived already change nothing.
  Status send_events(const AlertMessage& message, const Cancel& cancel) {
    const auto until = clock_.monotonic() + spec_.deadline;
    TM_TRY(const Secret key, spec_.key.now());
    for (AlertNotice notice : message.notices) {
      if (clock_.monotonic() >= until) return late();
      TM_CHECK(post(to_json(pagerduty_event(key, message, notice)), {}, cancel));
      if (!message.is_test) continue;
      // Nobody is to be woken by a test for long.
      if (clock_.monotonic() >= until) return late();
      notice.kind = MessageKind::resolved;
      TM_CHECK(post(to_json(pagerduty_event(key, message, notice)), {}, cancel));
    }
    return {};
  }

  Error late() const {
    return target_error("alert.late",
                        "pagerduty `" + spec_.name.value + "` did not take all within its deadline",
                        Retry::backoff);
  }

  // An address that is a secret is not known before it is used.
  Status check_scheme(const std::string& address) const {
    TM_TRY(const Url url, Url::parse(address));
    if (url.is_https || !spec_.networks.empty()) return {};
    return user_error("alert.plain_http",
                      "what goes to `" + url.shown() + "` is read by everybody on the way",
                      "give it an address of https; one of http is for networks that `networks` "
                      "names");
  }

  Status post(const std::string& body, std::vector<HttpHeader> headers, const Cancel& cancel) {
    HttpCall call;
    call.method = "POST";
    TM_TRY(const Secret url, spec_.url.now());
    call.url = url.empty() ? std::string(pagerduty_url) : url.reveal();
    TM_CHECK(check_scheme(call.url));
    call.headers = std::move(headers);
    call.headers.push_back({"content-type", "application/json"});
    call.headers.push_back({"user-agent", "Tidemark"});
    call.body = body;
    TM_TRY(const HttpResponse answer, client_->call(call, cancel));
    if (answer.status >= 200 && answer.status < 300) return {};
    return target_error("alert.refused",
                        std::string(to_string(spec_.kind)) + " `" + spec_.name.value +
                            "` answered with status " + std::to_string(answer.status),
                        Retry::backoff,
                        "look whether its address and key are still good; redirects are not "
                        "followed");
  }

  const ChannelSpec spec_;
  const Clock& clock_;
  const std::unique_ptr<HttpClient> client_;
};

}  // namespace

std::string signature_of(const std::string& key, const std::string& id, const std::string& seconds,
                         const std::string& body) {
  std::string bytes = key;
  if (key.starts_with(whole_key))
    bytes = from_base64(std::string_view(key).substr(whole_key.size())).value_or(key);
  return "v1," + to_base64(hmac_sha256(bytes, id + "." + seconds + "." + body));
}

Result<std::unique_ptr<Channel>> make_http_channel(const ChannelSpec& spec, const Clock& clock) {
  HttpClientOptions options;
  TM_TRY(options.rules, AddressRules::allowing(spec.networks));
  TM_TRY(options.plain_rules, AddressRules::within(spec.networks));
  options.timeout = spec.deadline;
  options.connect_timeout = std::min(options.connect_timeout, spec.deadline);
  constexpr std::size_t answer_max = 64 << 10;
  options.answer_bytes_max = answer_max;
  TM_TRY(auto client, HttpClient::make(clock, std::move(options)));
  return std::make_unique<HttpChannel>(spec, clock, std::move(client));
}

}  // namespace tidemark
