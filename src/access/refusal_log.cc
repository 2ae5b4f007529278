#include "access/refusal_log.h"

#include <chrono>

namespace tidemark {
namespace {

constexpr std::chrono::minutes write_every{1};
constexpr const char* refused = "access.refused";

std::string times_of(std::int64_t times) {
  return std::to_string(times) + (times == 1 ? " time" : " times");
}

AuditEntry entry_of(const Deed& deed, std::int64_t times) {
  AuditEntry entry;
  entry.request = deed.request;
  entry.token = deed.token;
  entry.name = deed.name;
  entry.peer = deed.peer;
  entry.what = refused;
  entry.on = deed.what + (deed.on.empty() ? "" : " " + deed.on) + ", " + times_of(times);
  entry.status = deed.status;
  return entry;
}

}  // namespace

RefusalLog::~RefusalLog() {
  {
    const std::lock_guard guard(mutex_);
    stops_ = true;
  }
  stopped_.notify_all();
  if (writer_.joinable()) writer_.join();
  static_cast<void>(write());
}

void RefusalLog::add(const Deed& deed) {
  const std::lock_guard guard(mutex_);
  add(deed, 1);
  if (!writer_.joinable()) writer_ = std::thread([this] { write_now_and_then(); });
}

void RefusalLog::add(const Deed& deed, std::int64_t times) {
  const Key key{deed.peer, deed.token, deed.what, deed.on};
  auto found = groups_.find(key);
  if (found == groups_.end()) {
    if (groups_.size() >= groups_max) {
      others_ += times;
      return;
    }
    found = groups_.emplace(key, Alike()).first;
  }
  found->second.deed = deed;
  found->second.times += times;
}

Status RefusalLog::write() {
  Groups groups;
  std::int64_t others = 0;
  {
    const std::lock_guard guard(mutex_);
    groups.swap(groups_);
    std::swap(others, others_);
  }
  Status written;
  while (written.ok() && !groups.empty()) {
    const auto first = groups.begin();
    written = log_.append(entry_of(first->second.deed, first->second.times));
    if (written.ok()) groups.erase(first);
  }
  if (written.ok() && others > 0) {
    AuditEntry entry;
    entry.what = refused;
    entry.on = "others, " + times_of(others);
    written = log_.append(entry);
    if (written.ok()) others = 0;
  }
  const std::lock_guard guard(mutex_);
  for (const auto& [key, alike] : groups)
    add(alike.deed, alike.times);
  others_ += others;
  return written;
}

void RefusalLog::write_now_and_then() {
  std::unique_lock lock(mutex_);
  while (!stopped_.wait_for(lock, write_every, [&] { return stops_; })) {
    lock.unlock();
    // There is nobody to tell; the next one tries again.
    static_cast<void>(write());
    lock.lock();
  }
}

}  // namespace tidemark
