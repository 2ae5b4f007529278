// AlertMessage: what goes over a channel at a time, and its forms. Pure values.
#pragma once

#include <string>
#include <vector>

#include "drivers/json/json.h"
#include "store/alert_table.h"

namespace tidemark {

struct AlertNotice {
  MessageKind kind = MessageKind::firing;
  AlertRecord alert;
};

struct AlertMessage {
  std::string id;  // the same for the same notices, however often they are sent
  std::string project;
  UtcMicros at{};
  bool is_test = false;
  std::vector<AlertNotice> notices;  // not empty; each alert once
};

// Of messages of the outbox: of each alert the newest says how it is.
AlertMessage message_of(const std::vector<OutboxMessage>& messages, const std::string& project,
                        UtcMicros at);
// One that says of itself that it is a test.
AlertMessage test_message(const std::string& project, UtcMicros at);

// The document that webhooks and commands get.
JsonValue document_of(const AlertMessage& message);
// `[FIRING:2] run_failed (sales)`: one line, whatever is in the alerts.
std::string title_of(const AlertMessage& message);
// For people: some lines of each alert.
std::string text_of(const AlertMessage& message);
// By which a system elsewhere knows that two notices are of one alert, the same for its whole life,
// whoever tells of it: servers may have the project in folders of other names. At most 255
// characters.
std::string key_of(const AlertRecord& alert);

}  // namespace tidemark
