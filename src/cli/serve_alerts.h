// The alerts of a service: its board, and what sends them. For this folder only.
#pragma once

#include <memory>
#include <string>

#include "alert/dispatcher.h"
#include "alert/store_board.h"
#include "cli/call.h"

namespace tidemark {

// How alerts name the project: as its folder is called.
std::string project_name(const ProjectSpec& project);

class ServedAlerts {
 public:
  // Over a connection of its own with the store, which has its tables. Sends where there are
  // channels, and forgets old alerts also where there are none. Errors: those of make_channel(),
  // and of the store.
  static Result<std::unique_ptr<ServedAlerts>> start(const ProjectSpec& project,
                                                     const Surroundings& around);

  AlertBoard& board() { return board_; }

 private:
  ServedAlerts(std::unique_ptr<SqlDatabase> database, const AlertSpec& spec);

  std::unique_ptr<SqlDatabase> database_;
  StoreBoard board_;
  std::unique_ptr<Dispatcher> dispatcher_;
};

}  // namespace tidemark
