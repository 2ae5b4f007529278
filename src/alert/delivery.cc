#include "alert/delivery.h"

#include <algorithm>

#include "alert/telling.h"

namespace tidemark {
namespace {

using std::chrono::milliseconds;

// Until the store knows what came of it. Of several requests the last may begin just before the
// deadline, and have as long again.
constexpr milliseconds claim_margin{30'000};
constexpr int deadlines_at_most = 2;

milliseconds again_in(int attempts) {
  constexpr int doublings_max = 20;
  return std::min(Delivery::again_max,
                  Delivery::again_min * (1 << std::min(attempts - 1, doublings_max)));
}

UtcMicros before(UtcMicros at, std::chrono::microseconds by) {
  return UtcMicros(at.get() - by.count());
}

}  // namespace

Result<bool> Delivery::send_one(const Cancel& cancel) {
  OutboxClaim claim{
      name_, parts_.server, deadlines_at_most * deadline_ + claim_margin, group_max, {}};
  // That it is over is told also of what is silent: who was told waits for it.
  claim.is_held_back = [](const OutboxMessage& message, const AlertsThen& then) {
    return message.kind != MessageKind::resolved && is_silent(message.alert, then.silences);
  };
  TM_TRY(const OutboxGroup group, table_.claim(claim));
  if (group.messages.empty()) return false;
  const Status sent = channel_->send(message_of(group.messages, parts_.project, group.now), cancel);
  if (sent.ok()) {
    parts_.log.tell(LogLevel::debug, LogComponent::alert, "sent over the channel `" + name_ + "`",
                    {{"messages", group.messages.size()}});
    TM_CHECK(table_.sent(group.messages));
    TM_CHECK(parts_.board.channel_is_up(name_));
    return true;
  }
  if (sent.error().code == "run.cancelled") {
    TM_CHECK(table_.release(group.messages, parts_.server));
    return false;
  }
  TM_CHECK(note_failure(group, sent.error()));
  return true;
}

Status Delivery::note_failure(const OutboxGroup& group, const Error& error) {
  int attempts = 1;
  UtcMicros failing_since = group.now;
  for (const OutboxMessage& message : group.messages) {
    attempts = std::max(attempts, message.attempts + 1);
    failing_since = std::min(failing_since, message.failing_since.value_or(group.now));
  }
  const UtcMicros given_up_before = before(group.now, give_up_after);
  TM_CHECK(
      table_.failed(group, {parts_.server, error.message, again_in(attempts), given_up_before}));
  const bool is_given_up = failing_since < given_up_before;
  parts_.log.tell_error(attempts == 1 || is_given_up ? LogLevel::warn : LogLevel::debug,
                        LogComponent::alert,
                        "alerts do not reach the channel `" + name_ + "`" +
                            (is_given_up ? ", and are given up" : ", and are sent again"),
                        error, {{"attempts", attempts}});
  if (failing_since > before(group.now, down_after)) return {};
  // Its words may be another system's, and the alert goes to others still.
  return parts_.board.channel_is_down(name_, error.code);
}

}  // namespace tidemark
