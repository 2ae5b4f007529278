#include "run/ask.h"

#include "run/cancel_watch.h"
#include "run/time_limit.h"

namespace tidemark {

Result<BoundedAnswer> ask(const Surroundings& around, Workspace& workspace, const std::string& name,
                          const Question& question, Cancel& cancel) {
  TM_TRY(const ConnectionSpec* connection, workspace.finder().connection(name));
  TM_TRY(const Connector* connector, around.connectors.of(*connection));
  const auto* asked = dynamic_cast<const Asked*>(connector);
  if (asked == nullptr)
    return user_error("user.no_ask",
                      "`" + name + "` is a " + std::string(connector->name()) +
                          " connection, which answers no questions",
                      "ask a warehouse or a database");
  TM_TRY(auto engine, workspace.engine().connect());
  Cancel stop(cancel);
  const TimeLimit limit(question.time_max, stop);
  const CancelWatch watch(stop, *engine);
  auto answer = asked->ask(*connection, question,
                           {workspace.project(), *engine, "tidemark query", true, nullptr, "query"},
                           workspace.guards().of(name), stop);
  if (answer.ok() || !limit.is_over() || cancel.requested()) return answer;
  return user_error("user.too_slow",
                    "there was no answer within " + std::to_string(question.time_max.count()) +
                        " seconds, and the statement was stopped",
                    "ask for less; a question may take up to " +
                        std::to_string(question_seconds_max) + " seconds");
}

}  // namespace tidemark
