#include "alert/channel.h"

namespace tidemark {

Result<std::unique_ptr<Channel>> make_channel(const ChannelSpec& spec, const Clock& clock) {
  switch (spec.kind) {
    case ChannelKind::webhook:
    case ChannelKind::slack:
    case ChannelKind::pagerduty:
      return make_http_channel(spec, clock);
    case ChannelKind::email:
      return make_email_channel(spec);
    case ChannelKind::command:
      break;
  }
  return make_command_channel(spec, clock);
}

}  // namespace tidemark
