// Delivery: what the outbox has for one channel goes out, group by group.
//
// Each message arrives at least once: it leaves the outbox when the channel has taken it, and what
// a process that died had claimed is claimed anew. Used from one thread; blocks on the store and on
// the channel. What it borrows outlives it.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "alert/channel.h"
#include "alert/store_board.h"
#include "base/cancel.h"
#include "observe/log.h"
#include "store/alert_table.h"

namespace tidemark {

struct DeliveryParts {
  SqlDatabase& database;
  StoreBoard& board;
  std::string server;   // this_process()
  std::string project;  // its name
  Log& log = process_log();
};

class Delivery {
 public:
  static constexpr int group_max = 20;
  static constexpr std::chrono::milliseconds again_min{1'000};
  static constexpr std::chrono::milliseconds again_max{600'000};
  // What could not be sent for so long is told as an alert of its own, over the other channels.
  static constexpr std::chrono::minutes down_after{15};
  static constexpr std::chrono::hours give_up_after{24};

  Delivery(DeliveryParts parts, const ChannelSpec& spec, std::unique_ptr<Channel> channel)
      : parts_(std::move(parts)),
        table_(parts_.database),
        name_(spec.name.value),
        deadline_(spec.deadline),
        channel_(std::move(channel)) {}

  const std::string& name() const { return name_; }
  // Sends one group. False: nothing was due. An error is the store's; the channel's is kept there.
  Result<bool> send_one(const Cancel& cancel);

 private:
  Status note_failure(const OutboxGroup& group, const Error& error);

  const DeliveryParts parts_;
  AlertTable table_;
  const std::string name_;
  const std::chrono::milliseconds deadline_;
  const std::unique_ptr<Channel> channel_;
};

}  // namespace tidemark
