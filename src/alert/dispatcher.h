// Dispatcher: sends what the outbox of a project has, as long as it lives, and has the store forget
// old alerts, with channels and without. A thread for each channel, so that one that is slow or
// dead delays no other, and one that looks what is due.
//
// Of several servers each message is sent by one. Owned by the service, which it never holds up;
// what it borrows outlives it.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "alert/delivery.h"

namespace tidemark {

class Dispatcher {
 public:
  // Starts the threads; `parts.log` is told from all of them.
  Dispatcher(DeliveryParts parts, std::vector<std::unique_ptr<Delivery>> deliveries);
  // Breaks off what is under way, which is sent again by whoever comes next.
  ~Dispatcher();
  Dispatcher(const Dispatcher&) = delete;
  Dispatcher& operator=(const Dispatcher&) = delete;

 private:
  void look();
  void deliver(Delivery& delivery);
  void note(const Status& status);

  const DeliveryParts parts_;
  AlertTable table_;
  const std::vector<std::unique_ptr<Delivery>> deliveries_;
  Cancel stop_;
  std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_.
  std::set<std::string> due_;  // channels
  bool stopped_ = false;
  bool store_fails_ = false;

  std::vector<std::thread> threads_;
};

// A delivery for each channel of the spec. Errors: those of make_channel().
Result<std::vector<std::unique_ptr<Delivery>>> deliveries_of(const AlertSpec& spec,
                                                             const DeliveryParts& parts,
                                                             const Clock& clock);

}  // namespace tidemark
