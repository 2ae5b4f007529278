// What `tidemark status` shows of one moment, for people and for programs. Pure.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "drivers/json/json.h"
#include "schedule/run_signs.h"
#include "schedule/service.h"
#include "store/alert_table.h"
#include "store/overview.h"
#include "store/read_cache.h"

namespace tidemark {

// Of each list so many are shown.
inline constexpr int status_lines_max = 10;

// A process that serves the project.
struct ServerStatus {
  std::string process;
  int places = 0;  // runs at a time
  ServiceNow now;
};

struct StatusPage {
  StoreOverview store;
  std::optional<ServerStatus> server;  // nothing: nobody serves
  std::optional<CacheState> cache;     // nothing: the project has none
  AlertsThen alerts;                   // that are open
  std::unordered_map<RunId, RunSign> signs;
  std::map<std::string, std::vector<JobName>> notes;
  std::vector<DueFire> next;          // the next fires, in their order
  std::chrono::milliseconds lease{};  // how long one holds that is not renewed
};

// Why a run seems to stand still: by its lease, or because nothing moved for long; empty: it goes.
std::string stuck_why(const StatusPage& page, const RunUnderWay& run);
JsonValue status_document(const StatusPage& page);
// For a terminal with so many columns; 0: it is none.
std::string status_report(const StatusPage& page, int columns);

}  // namespace tidemark
