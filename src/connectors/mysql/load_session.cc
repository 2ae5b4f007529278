#include "connectors/mysql/load_session.h"

#include <chrono>
#include <thread>

namespace tidemark::mysql {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds pause{20};
constexpr std::chrono::seconds patience{10};
constexpr std::chrono::seconds before_kill{2};

// Nothing where it is gone already.
Status end_session(Connection& connection, const std::string& id, Cancel& cancel) {
  const auto killed = connection.execute("kill " + id, cancel);
  if (killed.ok() || killed.error().code == "mysql.no_such_session") return {};
  if (killed.error().code == "mysql.not_permitted") {
    return target_error("target.older_session",
                        "session " + id +
                            " of an older owner of the job is still there, and this user may not "
                            "end it: " +
                            killed.error().message,
                        Retry::backoff,
                        "run the job as the user who ran it before, grant " +
                            connection.flavour().kill_right() + " to this one, or end the session");
  }
  return killed.error();
}

Error still_there(const std::string& id) {
  return target_error(
      "target.commit_pending",
      "session " + id + " does not end, and the load it was committing may still come in",
      Retry::backoff, "look at SHOW PROCESSLIST; when that session has ended, run the job again");
}

std::string holder_of(const std::string& session) {
  return "is_used_lock(" + session + ")";
}

}  // namespace

Result<std::string> register_session(Connection& connection, const JobName& job, Fence token,
                                     Cancel& cancel) {
  TM_TRY(const Rows made, connection.query("select concat('tidemark.', uuid())", cancel));
  const std::string session = made.string(0, 0);
  const std::string quoted = quote_text(session);
  TM_TRY(const Rows taken, connection.query("select get_lock(" + quoted + ", 10)", cancel));
  if (taken.string(0, 0) != "1") {
    return target_error("target.no_session_lock", "the server gives this session no GET_LOCK",
                        Retry::backoff, "");
  }
  TM_CHECK(connection.execute("insert into tidemark_sessions (session, job, fence) values (" +
                                  quoted + ", " + quote_text(job.get()) + ", " +
                                  std::to_string(token.get()) + ")",
                              cancel));
  return session;
}

Status end_older_sessions(Connection& connection, const JobName& job, Fence token, Cancel& cancel) {
  const std::string older = " from tidemark_sessions where job = " + quote_text(job.get()) +
                            " and fence < " + std::to_string(token.get());
  const Clock::time_point deadline = Clock::now() + patience;
  while (true) {
    TM_TRY(const Rows found,
           connection.query("select session, " + holder_of("session") + older, cancel));
    std::string alive;
    for (std::size_t row = 0; row < found.rows(); ++row) {
      if (found.text(row, 1)) {
        alive = found.string(row, 1);
        TM_CHECK(end_session(connection, alive, cancel));
      } else {
        TM_CHECK(connection.execute(
            "delete from tidemark_sessions where session = " + quote_text(found.string(row, 0)),
            cancel));
      }
    }
    if (alive.empty()) return {};
    if (Clock::now() > deadline) return still_there(alive);
    std::this_thread::sleep_for(pause);
  }
}

Status wait_for_end(Connection& connection, const std::string& session, Cancel& cancel) {
  const Clock::time_point begun = Clock::now();
  while (true) {
    TM_TRY(const Rows found, connection.query("select " + holder_of(quote_text(session)), cancel));
    if (!found.text(0, 0)) return {};
    if (Clock::now() > begun + patience) return still_there(found.string(0, 0));
    // The server may not have noticed yet that we are gone.
    if (Clock::now() > begun + before_kill)
      TM_CHECK(end_session(connection, found.string(0, 0), cancel));
    std::this_thread::sleep_for(pause);
  }
}

}  // namespace tidemark::mysql
