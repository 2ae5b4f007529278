// Channel: a way to tell people: a webhook, Slack, PagerDuty, mail, a command.
//
// Made of its settings, used from one thread at a time.
#pragma once

#include <memory>
#include <string>

#include "alert/message.h"
#include "base/cancel.h"
#include "base/result.h"
#include "env/clock.h"
#include "spec/alert_spec.h"

namespace tidemark {

class Channel {
 public:
  virtual ~Channel() = default;
  // It has arrived when this ends well; after an error it may have. Ends within the channel's
  // deadline, where it takes several requests within twice that, or soon after a cancel. No error
  // holds a secret, or much of what the other side said.
  virtual Status send(const AlertMessage& message, const Cancel& cancel) = 0;
};

// Errors: those of HttpClient::make(), and `alert.bad_network`.
Result<std::unique_ptr<Channel>> make_channel(const ChannelSpec& spec, const Clock& clock);

// For this folder only: one of each kind.
Result<std::unique_ptr<Channel>> make_http_channel(const ChannelSpec& spec, const Clock& clock);
Result<std::unique_ptr<Channel>> make_email_channel(const ChannelSpec& spec);
std::unique_ptr<Channel> make_command_channel(const ChannelSpec& spec, const Clock& clock);

// The headers that a webhook is signed with: `webhook-id`, `webhook-timestamp` and, where there is
// a key, `webhook-signature` over both and the body. A key that begins with `whsec_` is base64
// behind that.
std::string signature_of(const std::string& key, const std::string& id, const std::string& seconds,
                         const std::string& body);

}  // namespace tidemark
