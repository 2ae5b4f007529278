#include "alert/dispatcher.h"

#include <utility>

namespace tidemark {
namespace {

constexpr std::chrono::seconds looks_every{1};
constexpr int looks_between_repeats = 30;
constexpr int looks_between_forgets = 3'600;

}  // namespace

Dispatcher::Dispatcher(DeliveryParts parts, std::vector<std::unique_ptr<Delivery>> deliveries)
    : parts_(std::move(parts)), table_(parts_.database), deliveries_(std::move(deliveries)) {
  for (const auto& delivery : deliveries_)
    threads_.emplace_back([this, &delivery] { deliver(*delivery); });
  threads_.emplace_back([this] { look(); });
}

Dispatcher::~Dispatcher() {
  stop_.request();
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_)
    thread.join();
}

void Dispatcher::look() {
  for (int turn = 0;; ++turn) {
    if (turn % looks_between_forgets == 0) note(table_.forget());
    if (turn % looks_between_repeats == 0) note(parts_.board.repeat());
    // Without channels it only forgets and resolves.
    auto due = deliveries_.empty() ? Result<std::vector<std::string>>(std::vector<std::string>())
                                   : table_.due_channels();
    note(due.ok() ? Status() : Status(due.error()));
    std::unique_lock lock(mutex_);
    if (due.ok()) due_ = {due->begin(), due->end()};
    changed_.notify_all();
    if (changed_.wait_for(lock, looks_every, [this] { return stopped_; })) return;
  }
}

void Dispatcher::deliver(Delivery& delivery) {
  while (true) {
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return stopped_ || due_.contains(delivery.name()); });
      if (stopped_) return;
    }
    const auto sent = delivery.send_one(stop_);
    note(sent.ok() ? Status() : Status(sent.error()));
    const std::lock_guard lock(mutex_);
    // Looked for anew where there was nothing, or the store did not answer.
    if (!sent.ok() || !*sent) due_.erase(delivery.name());
  }
}

// That the store fails is said once, until it answers again.
void Dispatcher::note(const Status& status) {
  {
    const std::lock_guard lock(mutex_);
    if (store_fails_ == !status.ok()) return;
    store_fails_ = !status.ok();
  }
  if (status.ok()) {
    parts_.log.tell(LogLevel::info, LogComponent::alert, "alerts go on: the store answers again");
  } else {
    parts_.log.tell_error(LogLevel::warn, LogComponent::alert, "alerts wait for the store",
                          status.error());
  }
}

Result<std::vector<std::unique_ptr<Delivery>>> deliveries_of(const AlertSpec& spec,
                                                             const DeliveryParts& parts,
                                                             const Clock& clock) {
  std::vector<std::unique_ptr<Delivery>> deliveries;
  for (const ChannelSpec& channel : spec.channels) {
    TM_TRY(auto made, make_channel(channel, clock));
    deliveries.push_back(std::make_unique<Delivery>(parts, channel, std::move(made)));
  }
  return deliveries;
}

}  // namespace tidemark
