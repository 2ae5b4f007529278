// Checkup: looks at what a project needs, one thing after the other, and says of each what was
// found and what to do about it. Changes nothing.
//
// Blocks on the systems of the project; used from one thread. A thing that is not as it should be
// is a finding; an Error means that there could be no look at all.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "base/result.h"
#include "run/workspace.h"

namespace tidemark {

struct Finding {
  enum class Kind : std::uint8_t {
    good,
    warning,  // runs go on, but for how long
    fault,    // something does not work
  };
  Kind kind = Kind::good;
  std::string what;   // was looked at: `store`, `connection shop`, `job orders`
  std::string found;  // for people
  std::string remedy = {};
};
std::string_view to_string(Finding::Kind kind);

class Checkup {
 public:
  using Tell = std::function<void(const Finding&)>;
  // All of it outlives the object; the project's files have no faults.
  Checkup(Workspace& workspace, const Surroundings& around, Tell tell)
      : workspace_(workspace), around_(around), tell_(std::move(tell)) {}

  // Connects, and plans each enabled job that reads one of them or loads into it.
  Status look_at(const std::vector<const ConnectionSpec*>& connections, Cancel& cancel);
  // This machine, the project's folder, its store and volumes, all connections, the last run of
  // each job, what stands in the stage.
  Status look_at_all(Cancel& cancel);

 private:
  void machine();
  void folder();
  void secret_files();
  void owner();
  Status store();
  void cache();
  void volumes();
  Status connect(const ConnectionSpec& connection, Cancel& cancel);
  void last_runs();
  Status add_last_runs();
  Status stages(Cancel& cancel);

  Workspace& workspace_;
  const Surroundings& around_;
  Tell tell_;
};

}  // namespace tidemark
