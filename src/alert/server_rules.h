// What holds of this server: its loop, its connections, its volumes. It is asked of the process
// itself, so it begins anew with it.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "alert/alert.h"
#include "env/clock.h"
#include "env/files.h"
#include "schedule/service.h"
#include "spec/alert_rules_spec.h"

namespace tidemark {

struct ServerSight {
  // When the loop of the service made its last step, on the clock that only goes forward; nothing:
  // it does not serve.
  std::optional<std::chrono::nanoseconds> stepped_at;
  std::vector<RestingConnection> resting;
  struct Use {
    std::string connection;
    std::int64_t wanted = 0;  // sessions that are waited for
    double pace = 1;          // of what it would be
  };
  std::vector<Use> connections;
  std::vector<std::pair<std::string, VolumeSpace>> volumes;  // for what: `stage`, `store`, `spill`
};

// What is remembered of a state from one look to the next.
struct HeldState {
  Alert alert;
  UtcMicros seen;  // last
  bool is_told = false;
};

// Since when each state holds is kept from look to look. A connection that is tried once, or free
// for a moment, is not over it: what is seen no more holds on for two minutes. One thread.
class ServerRules {
 public:
  ServerRules(std::string server, const AlertRulesSpec& rules)
      : server_(std::move(server)), rules_(rules) {}

  // `monotonic` is the same clock as ServerSight::stepped_at.
  std::vector<Alert> find(const ServerSight& sight, UtcMicros now,
                          std::chrono::nanoseconds monotonic);
  // Of these the one that is told of a service which can be asked nothing else.
  std::optional<Alert> find_stuck(std::optional<std::chrono::nanoseconds> stepped_at, UtcMicros now,
                                  std::chrono::nanoseconds monotonic) const;

 private:
  const std::string server_;
  const AlertRulesSpec rules_;
  std::map<AlertKey, HeldState> held_;  // whatever held at the last look, told or not
};

}  // namespace tidemark
