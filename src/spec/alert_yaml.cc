#include "spec/alert_yaml.h"

#include <algorithm>
#include <set>
#include <utility>

#include "drivers/http/address_rules.h"
#include "drivers/http/url.h"
#include "drivers/smtp/mail.h"
#include "spec/api_spec.h"
#include "spec/config_spec.h"

namespace tidemark {
namespace {

using std::chrono::milliseconds;

// Each has a thread of its own.
constexpr std::size_t channels_max = 20;
constexpr milliseconds deadline_min{1'000};
constexpr milliseconds deadline_max{300'000};
constexpr milliseconds repeat_min{60'000};

// As it is written.
struct RawEmail {
  std::string server;
  MailTls tls = MailTls::starttls;
  std::string user;
  Secret password;
  std::string from;
  std::vector<std::string> to;
};

void check_addresses(const RawEmail& email, const YamlNode& node, ReadContext& context) {
  std::vector<std::pair<const char*, std::string>> written{{"from", email.from}};
  for (const std::string& to : email.to)
    written.emplace_back("to", to);
  for (const auto& [key, address] : written) {
    if (smtp::is_address(address)) continue;
    const YamlNode* const at = node.find(key);
    context.fault(place((at == nullptr ? node : *at).at),
                  "`" + address + "` is no address of a mail",
                  "write for example ops@shop.example, without a name");
  }
}

ValueSpec<EmailSpec> email_value() {
  ConfigSpec<RawEmail> spec("email", "A mail, handed to a server.",
                            "{server: \"smtp.example:587\", user: tidemark, password: "
                            "\"${env:MAIL_PASSWORD}\", from: tidemark@shop.example, to: "
                            "[ops@shop.example]}");
  spec.field("server", &RawEmail::server, config::text("a host and a port"),
             {.required = true,
              .description = "Usually port 587, or 465 with `tls: tls`.",
              .example = "\"smtp.example:587\""})
      .field("tls", &RawEmail::tls,
             config::choice<MailTls>(
                 {{"starttls", MailTls::starttls}, {"tls", MailTls::tls}, {"off", MailTls::off}}),
             {.default_text = "starttls",
              .description = "How it speaks TLS: from the first command on, from the first byte "
                             "on, or not at all, where others may read along. Certificates are "
                             "verified.",
              .example = "tls"})
      .field("user", &RawEmail::user, config::text("a user"),
             {.default_note = "nobody asks", .description = "Who sends, as the server knows it."})
      .field("password", &RawEmail::password, config::secret(),
             {.description = "The user's password."})
      .field("from", &RawEmail::from, config::text("an address"),
             {.required = true,
              .description = "Whom it comes from: an address without a name.",
              .example = "tidemark@shop.example"})
      .field("to", &RawEmail::to,
             config::list_or_one(config::text("an address"), "a list of addresses"),
             {.required = true, .description = "Who gets it.", .example = "[ops@shop.example]"});
  spec.check(check_addresses);
  return config::converted<EmailSpec, RawEmail>(
      config::object(std::move(spec)),
      [](RawEmail&& raw, const YamlNode& node, ReadContext& context, EmailSpec& email) {
        email.tls = raw.tls;
        email.user = std::move(raw.user);
        email.password = std::move(raw.password);
        email.from = std::move(raw.from);
        email.to = std::move(raw.to);
        if (raw.server.empty()) return true;  // a fault already
        const auto address = ListenAddress::parse(raw.server);
        if (!address.ok() || address->port == 0) {
          const YamlNode* const server = node.find("server");
          context.fault(place((server == nullptr ? node : *server).at),
                        "`" + raw.server + "` is no server of mail",
                        "write for example smtp.example:587");
          return false;
        }
        email.host = address->host;
        email.port = address->port;
        if (email.tls != MailTls::off || email.user.empty()) return true;
        context.fault(place(node.at), "without TLS the password is read by everybody on the way",
                      "remove `tls: off`, or `user` and `password`");
        return false;
      });
}

// The word of a channel that says its kind is a key of one of these.
struct RawChannel {
  std::optional<Located<std::string>> webhook;
  std::optional<Located<Secret>> slack;
  std::optional<Located<Secret>> pagerduty;
  std::optional<EmailSpec> email;
  std::optional<std::vector<std::string>> command;
  std::optional<Located<Secret>> key;
  std::optional<Located<std::string>> url;
  std::optional<Located<std::vector<std::string>>> networks;
  milliseconds deadline{};
};

void check_url(const std::string& url, bool may_be_plain, Location at, ReadContext& context) {
  const auto parsed = Url::parse(url);
  if (!parsed.ok()) {
    context.fault(at, parsed.error().message, parsed.error().hint);
  } else if (!parsed->is_https && !may_be_plain) {
    context.fault(at, "what goes to `" + parsed->shown() + "` is read by everybody on the way",
                  "write an address of https; one of http is for networks that `networks` names");
  }
}

int kinds_of(const RawChannel& channel) {
  return (channel.webhook ? 1 : 0) + (channel.slack ? 1 : 0) + (channel.pagerduty ? 1 : 0) +
         (channel.email ? 1 : 0) + (channel.command ? 1 : 0);
}

void check_channel(const RawChannel& channel, const YamlNode& node, ReadContext& context) {
  if (kinds_of(channel) != 1) {
    context.fault(
        place(node.at), "a channel is of one kind",
        "write one of webhook, slack, pagerduty, email and command as a key, with its value");
    return;
  }
  const bool is_within = channel.networks.has_value();
  if (channel.webhook) check_url(channel.webhook->value, is_within, channel.webhook->at, context);
  // What stands elsewhere is looked at when it is used.
  if (channel.slack && channel.slack->value.written().empty())
    check_url(channel.slack->value.reveal(), is_within, channel.slack->at, context);
  if (channel.url) check_url(channel.url->value, is_within, channel.url->at, context);
  if (channel.url && !channel.pagerduty)
    context.fault(channel.url->at, "`url` is for `pagerduty`", "remove it");
  if (channel.key && !channel.webhook)
    context.fault(channel.key->at, "`key` is for `webhook`", "remove it");
  if (is_within && channel.command)
    context.fault(channel.networks->at, "a command connects to nothing itself", "remove it");
  if (is_within) {
    const auto rules = AddressRules::allowing(channel.networks->value);
    if (!rules.ok()) context.fault(channel.networks->at, rules.error().message, rules.error().hint);
  }
  const YamlNode* const deadline = node.find("deadline");
  if (deadline != nullptr && (channel.deadline < deadline_min || channel.deadline > deadline_max)) {
    context.fault(place(deadline->at), "`deadline` must be from 1s to 5m",
                  "30s is good: what takes longer is tried again");
  }
}

ConfigSpec<RawChannel> channel_spec() {
  ConfigSpec<RawChannel> spec("channel",
                              "A way to tell people. It is of one kind: the key that names it. See "
                              "[Alerts](../alerts.md).",
                              "{slack: \"${env:SLACK_URL}\"}");
  spec.field("webhook", &RawChannel::webhook, config::text("an address of https"),
             {.description = "Where a JSON document is posted. May hold references.",
              .example = "https://hooks.example/tidemark"})
      .field("key", &RawChannel::key, config::located(config::secret()),
             {.description = "What a webhook is signed with, as standardwebhooks.com has it."})
      .field("slack", &RawChannel::slack, config::located(config::secret()),
             {.description = "The address of an incoming webhook of Slack, or of what takes the "
                             "same."})
      .field("pagerduty", &RawChannel::pagerduty, config::located(config::secret()),
             {.description = "The routing key of an integration by Events API v2."})
      .field("email", &RawChannel::email, email_value(),
             {.description = "A mail, handed to this server."})
      .field("url", &RawChannel::url, config::text("an address of https"),
             {.default_note = "PagerDuty's own",
              .description = "Where events of `pagerduty` go.",
              .example = "https://events.eu.pagerduty.com/v2/enqueue"})
      .field("command", &RawChannel::command,
             config::list_of(config::text("a word"), "a list of a program and its arguments"),
             {.description = "A program that gets the JSON document on its stdin. No shell is "
                             "between; of the service's environment it has PATH, HOME, USER, LANG "
                             "and TZ. It has taken the message when it ends with 0.",
              .example = "[/usr/local/bin/tell-the-shift, --quiet]"})
      .field("networks", &RawChannel::networks,
             config::located(config::list_or_one(config::text("a network"), "a list of networks")),
             {.default_note = "the Internet alone",
              .description = "Networks besides the Internet that its address may be in; in these "
                             "it may be one of plain http.",
              .example = "[10.1.0.0/16, 127.0.0.1]"})
      .field("deadline", &RawChannel::deadline, config::duration(),
             {.default_text = "30s",
              .description = "How long one attempt may take, from 1s to 5m.",
              .example = "10s"});
  spec.check(check_channel);
  return spec;
}

ChannelSpec channel_of(Located<std::string> name, RawChannel raw) {
  ChannelSpec channel;
  channel.name = std::move(name);
  channel.deadline = raw.deadline;
  if (raw.networks) channel.networks = std::move(raw.networks->value);
  if (raw.key) channel.key = raw.key->value;
  if (raw.url) channel.url = Secret(raw.url->value);
  if (raw.webhook) {
    channel.url = Secret(raw.webhook->value);
  } else if (raw.slack) {
    channel.kind = ChannelKind::slack;
    channel.url = raw.slack->value;
  } else if (raw.pagerduty) {
    channel.kind = ChannelKind::pagerduty;
    channel.key = raw.pagerduty->value;
  } else if (raw.email) {
    channel.kind = ChannelKind::email;
    channel.email = *std::move(raw.email);
  } else if (raw.command) {
    channel.kind = ChannelKind::command;
    channel.command = *std::move(raw.command);
  }
  return channel;
}

ValueSpec<std::vector<ChannelSpec>> channels_value() {
  return config::converted<std::vector<ChannelSpec>, std::vector<config::MapItem<RawChannel>>>(
      config::map_of(config::object(channel_spec()), "a mapping of names to channels"),
      [](auto&& items, const YamlNode& node, ReadContext& context,
         std::vector<ChannelSpec>& channels) {
        for (auto& item : items) {
          const bool is_word =
              std::all_of(item.key.value.begin(), item.key.value.end(), [](char letter) {
                return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
                       (letter >= '0' && letter <= '9') || letter == '_' || letter == '-';
              });
          if (!is_word) {
            context.fault(item.key.at, "`" + item.key.value + "` cannot be the name of a channel",
                          "names are letters, digits, _ and -");
          }
          channels.push_back(channel_of(std::move(item.key), std::move(item.value)));
        }
        if (channels.size() > channels_max) {
          context.fault(place(node.at), "there are more than 20 channels",
                        "let one of them pass on what it gets");
        }
        return true;
      });
}

ConfigSpec<AlertRoute> route_spec() {
  ConfigSpec<AlertRoute> spec("send", "What of all is told to some channels.",
                              "{to: [pager], severity: critical}");
  spec.field("to", &AlertRoute::to,
             config::list_or_one(config::name("the name of a channel"), "a list of channels"),
             {.required = true, .description = "The channels.", .example = "[ops]"})
      .field("rules", &AlertRoute::rules,
             config::list_or_one(config::located(config::text("a rule")), "a list of rules"),
             {.default_note = "all",
              .description = "Only what these rules find, with `*` for any text.",
              .example = "[run_failed, data_*]"})
      .field("jobs", &AlertRoute::jobs, config::text("a pattern"),
             {.default_note = "all",
              .description = "Only what is of these jobs, with `*` for any text.",
              .example = "sales_*"})
      .field("severity", &AlertRoute::critical_only,
             config::choice<bool>({{"warning", false}, {"critical", true}}),
             {.default_text = "warning",
              .description = "The least that is told.",
              .example = "critical"});
  return spec;
}

void check_rule(const Located<std::string>& name, ReadContext& context) {
  if (name.value.find('*') != std::string::npos) return;
  std::vector<std::string> known{"channel_down"};
  for (const AlertRule& rule : alert_rules())
    known.emplace_back(rule.name);
  if (std::find(known.begin(), known.end(), name.value) != known.end()) return;
  context.fault(name.at, "there is no rule `" + name.value + "`" + did_you_mean(name.value, known),
                "docs/alerts-rules.md names all; `*` stands for any text");
}

void check_alerts(const AlertSpec& alerts, const YamlNode& node, ReadContext& context) {
  std::set<std::string> names;
  for (const ChannelSpec& channel : alerts.channels)
    names.insert(channel.name.value);
  const std::vector<std::string> known(names.begin(), names.end());
  for (const AlertRoute& route : alerts.send) {
    for (const Located<std::string>& to : route.to) {
      if (names.contains(to.value)) continue;
      context.fault(to.at, "there is no channel `" + to.value + "`" + did_you_mean(to.value, known),
                    "name one of `channels`");
    }
    for (const Located<std::string>& rule : route.rules)
      check_rule(rule, context);
  }
  const YamlNode* const repeat = node.find("repeat");
  if (repeat != nullptr && alerts.repeat < repeat_min) {
    context.fault(place(repeat->at), "`repeat` must be at least 1m",
                  "4h is good: often enough to be remembered, seldom enough to be read");
  }
}

}  // namespace

ValueSpec<AlertSpec> alerts_value() {
  ConfigSpec<AlertSpec> spec("alerts",
                             "To whom `tidemark serve` tells what is not as it should be. See "
                             "[Alerts](../alerts.md). Without channels alerts are found and shown, "
                             "and nobody is told.",
                             "{channels: {own: {webhook: https://hooks.example/tidemark}}}");
  spec.field("channels", &AlertSpec::channels, channels_value(),
             {.default_note = "none",
              .description = "Names for ways to tell people, at most 20.",
              .example = "{ops: {slack: \"${env:SLACK_URL}\"}}"})
      .field("send", &AlertSpec::send,
             config::list_of(config::object(route_spec()), "a list of mappings"),
             {.default_note = "all to all channels",
              .description = "What goes to which channels. What several tell to one is sent once; "
                             "what none tells is sent to nobody.",
              .example = "[{to: ops}, {to: pager, severity: critical}]"})
      .field("group_wait", &AlertSpec::group_wait, config::duration(),
             {.default_text = "15s",
              .description = "How long a message waits for others of its rule, which go with it.",
              .example = "1m"})
      .field("resolve_after", &AlertSpec::resolve_after, config::duration(),
             {.default_text = "1m",
              .description = "How long a state must be over before that is told; what comes back "
                             "earlier is still the same alert.",
              .example = "5m"})
      .field("repeat", &AlertSpec::repeat, config::duration(),
             {.default_text = "4h",
              .description = "How often it is told again that a critical alert is still open. At "
                             "least 1m.",
              .example = "12h"})
      .field("rules", &AlertSpec::rules, alert_rules_value(),
             {.default_text = "{}",
              .description = "Which states are told, and from when on: see [What is "
                             "told](../alerts-rules.md).",
              .example = "{watermark_held: {above: 1h}, volume: {off: true}}"});
  spec.check(check_alerts);
  return config::object(std::move(spec));
}

}  // namespace tidemark
