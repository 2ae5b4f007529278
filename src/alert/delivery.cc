#include "alert/delivery.h"

#include <algorithm>

#include "alert/telling.h"

namespace tidemark {
namespace {

using std::chrono::milliseconds;

// Besides the channel's deadline: until the store knows what came of it.
constexpr milliseconds claim_margin{30'000};

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
  OutboxClaim claim{name_, parts_.server, deadline_ + claim_margin, group_max, {}};
  // That it is over is told also of what is silent: who was told waits for it.
  claim.is_held_back = [](const OutboxMessage& message, const AlertsThen& then) {
    return message.kind != MessageKind::resolved && is_silent(message.alert, then.silences);
  };
  TM_TRY(const OutboxGroup group, table_.claim(claim));
  if (group.messages.empty()) return false;
  const Status sent = channel_->send(message_of(group.messages, parts_.project, group.now), cancel);
  if (sent.ok()) {
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
  UtcMicros oldest = group.now;
  for (const OutboxMessage& message : group.messages) {
    attempts = std::max(attempts, message.attempts + 1);
    oldest = std::min(oldest, message.made_at);
  }
  const UtcMicros given_up_before = before(group.now, give_up_after);
  TM_CHECK(table_.failed(group.messages,
                         {parts_.server, error.message, again_in(attempts), given_up_before}));
  if (attempts == 1 || oldest < given_up_before) {
    parts_.say("alerts do not reach the channel `" + name_ + "`" +
               (attempts == 1 ? ", and are sent again: " : ", and are given up: ") +
               error.describe());
  }
  if (oldest > before(group.now, down_after)) return {};
  return parts_.board.channel_is_down(name_, error.message);
}

}  // namespace tidemark
