// StoreBoard: the AlertBoard of a project, in its store. Of several servers that find the same, one
// opens the alert.
//
// What an alert says may change while it is open, and is not told anew, but that it became
// critical. One that holds no more is resolved after a while, so that what comes and goes is told
// once. The database outlives it; safe from any thread.
#pragma once

#include <string>
#include <vector>

#include "alert/alert.h"
#include "spec/alert_spec.h"
#include "store/alert_table.h"

namespace tidemark {

class StoreBoard final : public AlertBoard {
 public:
  // `server`: this_process(). The spec's channels may be none: then alerts are open, and nobody is
  // told.
  StoreBoard(SqlDatabase& database, AlertSpec spec, std::string server)
      : table_(database), spec_(std::move(spec)), server_(std::move(server)) {}

  Status holds(AlertScope scope, const std::vector<Alert>& now) override;
  // Puts what is open, critical and was not told for long into the outbox again. That a channel is
  // down which the project has no more is over.
  Status repeat();
  // That a channel cannot be reached, by the code of its error, or can again. The same again
  // changes nothing.
  Status channel_is_down(const std::string& channel, const std::string& code);
  Status channel_is_up(const std::string& channel);

 private:
  AlertTable table_;
  const AlertSpec spec_;
  const std::string server_;
};

}  // namespace tidemark
