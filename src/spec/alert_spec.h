// AlertSpec: to whom it is told what is not as it should be, and how. A plain value.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.h"
#include "spec/alert_rules_spec.h"
#include "spec/location.h"

namespace tidemark {

enum class ChannelKind { webhook, slack, pagerduty, email, command };

constexpr std::string_view to_string(ChannelKind kind) {
  switch (kind) {
    case ChannelKind::webhook:
      return "webhook";
    case ChannelKind::slack:
      return "slack";
    case ChannelKind::pagerduty:
      return "pagerduty";
    case ChannelKind::email:
      return "email";
    case ChannelKind::command:
      break;
  }
  return "command";
}

enum class MailTls {
  starttls,  // from the first command on
  tls,       // from the first byte on
  off,       // a person says that others may read along
};

struct EmailSpec {
  std::string host;
  int port = 0;
  MailTls tls = MailTls::starttls;
  std::string user;  // empty: nobody asks
  Secret password;
  std::string from;
  std::vector<std::string> to;
};

struct ChannelSpec {
  Located<std::string> name;
  ChannelKind kind = ChannelKind::webhook;
  Secret url;                         // of webhook and slack; of pagerduty: in the place of its own
  Secret key;                         // of webhook: signs; of pagerduty: the routing key
  std::vector<std::string> networks;  // besides the Internet, that it may be in
  std::optional<EmailSpec> email;
  std::vector<std::string> command;
  std::chrono::milliseconds deadline{};
};

// What of all is told to some channels.
struct AlertRoute {
  std::vector<Located<std::string>> to;
  std::vector<Located<std::string>> rules;  // with `*`; empty: all
  std::optional<std::string> jobs;          // with `*`; nothing: all, and what is not one job's
  bool critical_only = false;
};

struct AlertSpec {
  std::vector<ChannelSpec> channels;  // in the order written
  std::vector<AlertRoute> send;       // empty: all to all
  std::chrono::milliseconds group_wait{15'000};
  std::chrono::milliseconds resolve_after{60'000};
  std::chrono::milliseconds repeat{4 * 3'600'000};
  AlertRulesSpec rules = AlertRulesSpec::defaults();
};

}  // namespace tidemark
