#include "store/postgres_database.h"

#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <numeric>
#include <optional>
#include <utility>
#include <vector>

#include "drivers/postgres/connection.h"
#include "env/failpoints.h"
#include "env/randomness.h"
#include "observe/log.h"
#include "store/migrations.h"
#include "store/postgres_session.h"
#include "store/write_groups.h"

namespace tidemark {
namespace {

using postgres::Connection;

// What is not answered for so long is taken for lost, and asked after.
constexpr int commit_timeout_s = 30;
constexpr std::chrono::milliseconds pause_first{10};
constexpr std::chrono::milliseconds pause_max{1'000};
// A session of ours whose end the server has not noticed yet.
constexpr std::chrono::milliseconds pause_between_questions{50};
constexpr int questions_before_it_is_ended = 40;

// While one of them waits for its COMMIT, another sends its statements.
constexpr int groups_at_a_time = 2;

enum class Kind { read, write, migrate };

// What a try came to that has to be made again.
enum class Obstacle { conflict, gone };

struct Again {
  Obstacle obstacle;
  Error error;
};

// A connection, and the row of tidemark_writes that tells of its last commit.
struct Member {
  std::unique_ptr<Connection> connection;
  std::string id;
  std::int64_t writes = 0;
  bool ended = false;  // its row is gone
};

class PostgresDatabase final : public SqlDatabase {
 public:
  PostgresDatabase(PostgresStoreOptions options, const Clock& clock)
      : options_(std::move(options)), clock_(clock) {}

  Status open();
  Status read(const Work& work) override { return alone(Kind::read, work); }
  Status write(const Work& work, std::optional<std::chrono::milliseconds> patience) override {
    return groups_.write(work, std::min(patience.value_or(options_.patience), options_.patience));
  }
  Status migrate(const Work& work) override { return alone(Kind::migrate, work); }
  std::string name() const override { return options_.conninfo; }

 private:
  using Deadline = std::chrono::steady_clock::time_point;
  using Write = WriteGroups::Write;

  Status alone(Kind kind, const Work& work);
  // The outcome of each, however often the group has to be run for that.
  std::vector<Status> run(Kind kind, const std::vector<Write*>& group);
  // Nothing: `outcomes` is what came of it.
  std::optional<Again> try_once(Kind kind, const std::vector<Write*>& group, bool first,
                                std::vector<Status>& outcomes);
  std::optional<Again> run_works(Kind kind, const std::vector<Write*>& group, bool first,
                                 Connection& connection, std::vector<Status>& outcomes);
  std::optional<Again> commit(Member& member, Deadline deadline, Status& outcome);
  std::optional<Again> ask_after(const Member& member, Error lost, Deadline deadline,
                                 Status& outcome);
  Result<std::optional<bool>> is_committed(const Member& member, bool end_it);

  Result<std::unique_ptr<Connection>> connect(const std::string& id);
  Result<Member> join();
  Result<Member> take();
  void give(Member member);
  void pause(std::chrono::milliseconds about);
  Status make_schema();
  Error gave_up(const Again& again, std::chrono::milliseconds patience) const;
  Error waited_too_long(const Write& write) const;

  const PostgresStoreOptions options_;
  const Clock& clock_;
  SystemRandomness randomness_;
  Cancel cancel_;     // never requested: a store has no work that may be left half done
  std::mutex mutex_;  // guards what follows
  std::condition_variable given_;
  std::vector<Member> idle_;
  int taken_ = 0;
  WriteGroups groups_{groups_at_a_time,
                      [this](const auto& group) { return run(Kind::write, group); },
                      [this](const Write& write) { return waited_too_long(write); }};
};

// Nothing where a second try would bring the same.
std::optional<Obstacle> obstacle_of(const Error& error, bool first) {
  if (error.retry == Retry::reconnect) return Obstacle::gone;
  if (error.retry == Retry::backoff) return Obstacle::conflict;
  // The server may find that two were first with a key before it finds that their order matters.
  if (first && error.code == "postgres.unique_violation") return Obstacle::conflict;
  return std::nullopt;
}

Result<std::unique_ptr<Connection>> PostgresDatabase::connect(const std::string& id) {
  postgres::ConnectOptions options;
  options.conninfo = options_.conninfo;
  options.password = options_.password;
  options.application_name = name_of_sessions + id;
  options.commit_timeout_s = commit_timeout_s;
  options.side = postgres::Side::target;
  // Reads by index note what they saw more finely than reads of whole tables do, so fewer writes
  // are in each other's way. A process that stands still lets go of its locks.
  options.settings = {{"search_path", postgres::quote_name(options_.schema)},
                      {"enable_seqscan", "off"},
                      // A table that is read whole all the same then looks dear enough to compile.
                      {"jit", "off"},
                      {"idle_in_transaction_session_timeout", "30s"}};
  return Connection::connect(options, cancel_);
}

// With a row of its own. Those of sessions of long ago are forgotten. The version is asked behind
// the row, so that whoever moves the store on takes the row out, or is seen here.
Result<Member> PostgresDatabase::join() {
  const std::string id = new_run_id(clock_, randomness_).get();
  TM_TRY(auto connection, connect(id));
  TM_CHECK(connection->query("insert into tidemark_writes (session, number) values ($1, 0)", {id},
                             cancel_));
  TM_CHECK(connection->query("delete from tidemark_writes where at < now() - interval '7 days'",
                             cancel_));
  PostgresSession session(*connection, clock_, cancel_);
  TM_CHECK(check_version(session, name()));
  return Member{std::move(connection), id};
}

Result<Member> PostgresDatabase::take() {
  std::unique_lock lock(mutex_);
  given_.wait(lock, [this] { return taken_ < options_.sessions_max; });
  ++taken_;
  if (!idle_.empty()) {
    Member member = std::move(idle_.back());
    idle_.pop_back();
    return member;
  }
  lock.unlock();
  auto member = join();
  if (!member.ok()) give({});
  return member;
}

void PostgresDatabase::give(Member member) {
  std::vector<Member> lost;  // closed outside of the mutex
  const std::lock_guard lock(mutex_);
  --taken_;
  const bool any = member.connection != nullptr;
  const bool is_lost = any && (member.ended || member.connection->lost());
  if (any && !is_lost && !member.connection->in_transaction()) {
    idle_.push_back(std::move(member));
  } else if (any) {
    // Those that wait were most likely lost with it.
    lost = std::move(idle_);
    idle_.clear();
    lost.push_back(std::move(member));
  }
  given_.notify_one();
}

// Between half of it and all, so that those who met do not meet again.
void PostgresDatabase::pause(std::chrono::milliseconds about) {
  const auto part = static_cast<std::int64_t>(randomness_.next() % 1000);
  clock_.sleep(about / 2 + about * part / 2000);
}

Error PostgresDatabase::gave_up(const Again& again, std::chrono::milliseconds patience) const {
  const bool gone = again.obstacle == Obstacle::gone;
  Error error = store_error(again.error);
  error.message = (gone ? "the store (" + options_.conninfo + ") could not be reached for "
                        : "the store (" + options_.conninfo + ") was kept busy by others for ") +
                  std::to_string(patience.count() / 1000) + " s: " + error.message;
  error.code = gone ? "store.gone" : "store.busy";
  error.fault = Fault::internal;
  error.retry = Retry::backoff;
  if (gone) {
    error.hint = "nothing is lost: when the server is there again, what was under way goes on. " +
                 error.hint;
  }
  return error;
}

Error PostgresDatabase::waited_too_long(const Write& write) const {
  return gave_up({Obstacle::conflict,
                  internal_error("store.busy", "earlier writes of this process did not end")},
                 write.patience);
}

Status PostgresDatabase::alone(Kind kind, const Work& work) {
  Write write{
      &work, options_.patience, false, std::chrono::steady_clock::now() + options_.patience, {}};
  return std::move(run(kind, {&write}).front());
}

std::vector<Status> PostgresDatabase::run(Kind kind, const std::vector<Write*>& group) {
  std::vector<Status> all(group.size());
  std::vector<std::size_t> left(group.size());  // places in the group
  std::iota(left.begin(), left.end(), std::size_t{0});
  std::chrono::milliseconds wait = pause_first;
  for (bool first = true; !left.empty(); first = false) {
    std::vector<Write*> writes;
    for (const std::size_t at : left)
      writes.push_back(group[at]);
    std::vector<Status> outcomes(writes.size());
    const std::optional<Again> again = try_once(kind, writes, first, outcomes);
    if (!again) {
      for (std::size_t i = 0; i < left.size(); ++i)
        all[left[i]] = std::move(outcomes[i]);
      return all;
    }
    // The others go on without those whose patience has ended.
    const auto now = std::chrono::steady_clock::now();
    std::erase_if(left, [&](std::size_t at) {
      if (now <= group[at]->deadline) return false;
      all[at] = gave_up(*again, group[at]->patience);
      return true;
    });
    if (left.empty()) return all;
    process_log().tell_error(LogLevel::debug, LogComponent::store,
                             again->obstacle == Obstacle::gone
                                 ? "a session is lost, another is opened"
                                 : "others were first, it is tried again",
                             again->error);
    pause(wait);
    wait = std::min(wait * 2, pause_max);
  }
  return all;
}

std::optional<Again> PostgresDatabase::try_once(Kind kind, const std::vector<Write*>& group,
                                                bool first, std::vector<Status>& outcomes) {
  const auto failed = [&](Error error) -> std::optional<Again> {
    if (const auto obstacle = obstacle_of(error, first)) return Again{*obstacle, std::move(error)};
    outcomes.assign(group.size(), store_error(std::move(error)));
    return std::nullopt;
  };
  auto taken = take();
  if (!taken.ok()) return failed(std::move(taken).error());
  Member member = std::move(*taken);
  Connection* const connection = member.connection.get();
  constexpr const char* modes[] = {"isolation level repeatable read read only",
                                   "isolation level serializable",
                                   "isolation level read committed"};
  Status begun = connection->begin(modes[static_cast<int>(kind)], cancel_);
  std::optional<Again> again;
  if (!begun.ok()) {
    again = failed(std::move(begun).error());
  } else {
    again = run_works(kind, group, first, *connection, outcomes);
    const bool any = std::any_of(outcomes.begin(), outcomes.end(),
                                 [](const Status& outcome) { return outcome.ok(); });
    if (!again && any && kind != Kind::read) {
      Deadline deadline = group.front()->deadline;
      for (const Write* write : group)
        deadline = std::min(deadline, write->deadline);
      Status committed;
      again = commit(member, deadline, committed);
      for (Status& outcome : outcomes) {
        if (outcome.ok()) outcome = committed;
      }
    }
  }
  connection->rollback();
  give(std::move(member));
  return again;
}

// Each of several in a savepoint of its own, so that one that fails takes nothing from the others.
std::optional<Again> PostgresDatabase::run_works(Kind kind, const std::vector<Write*>& group,
                                                 bool first, Connection& connection,
                                                 std::vector<Status>& outcomes) {
  const bool several = group.size() > 1;
  const auto savepoint = [&](const char* sql) -> std::optional<Error> {
    if (!several) return std::nullopt;
    auto done = connection.execute(sql, cancel_);
    if (done.ok()) return std::nullopt;
    return std::move(done).error();
  };
  for (std::size_t i = 0; i < group.size(); ++i) {
    Status& outcome = outcomes[i];
    PostgresSession session(connection, clock_, cancel_);
    std::optional<Error> broken =
        savepoint(i == 0 ? "savepoint one" : "release savepoint one; savepoint one");
    if (!broken) {
      if (kind == Kind::migrate) outcome = session.lock_schema(options_.schema);
      if (outcome.ok()) outcome = (*group[i]->work)(session);
      if (session.failure()) {
        if (const auto obstacle = obstacle_of(*session.failure(), first))
          return Again{*obstacle, *session.failure()};
        outcome = store_error(*session.failure());
      }
      if (!outcome.ok()) broken = savepoint("rollback to savepoint one");
    }
    if (!broken) continue;
    if (const auto obstacle = obstacle_of(*broken, first))
      return Again{*obstacle, *std::move(broken)};
    outcomes.assign(group.size(), store_error(*std::move(broken)));
    return std::nullopt;
  }
  return std::nullopt;
}

std::optional<Again> PostgresDatabase::commit(Member& member, Deadline deadline, Status& outcome) {
  const auto again = [&](Error error) -> std::optional<Again> {
    if (const auto obstacle = obstacle_of(error, true)) return Again{*obstacle, std::move(error)};
    outcome = store_error(std::move(error));
    return std::nullopt;
  };
  const auto reached = [&](Failpoint point) {
#ifdef TIDEMARK_FAILPOINTS
    outcome = failpoints::reach_file(point);
#else
    static_cast<void>(point);
#endif
    return outcome.ok();
  };
  if (!reached(Failpoint::store_commit)) return std::nullopt;
  ++member.writes;
  PostgresSession session(*member.connection, clock_, cancel_);
  auto noted =
      session.query("update tidemark_writes set number = $2, at = now() where session = $1",
                    {member.id, std::to_string(member.writes)});
  if (!noted.ok()) return again(*session.failure());
  if (noted->changed() == 0) {
    member.ended = true;
    return Again{Obstacle::gone,
                 internal_error("store.session_ended",
                                "the session's row in tidemark_writes is gone", Retry::reconnect)};
  }
  Status committed = member.connection->commit(cancel_);
  if (committed.ok()) {
    reached(Failpoint::store_committed);
    return std::nullopt;
  }
  if (committed.error().retry != Retry::reconnect) return again(std::move(committed).error());
  return ask_after(member, std::move(committed).error(), deadline, outcome);
}

std::optional<Again> PostgresDatabase::ask_after(const Member& member, Error lost,
                                                 Deadline deadline, Status& outcome) {
  std::string why = "the session's row in tidemark_writes is gone";
  for (int question = 1; std::chrono::steady_clock::now() <= deadline; ++question) {
    const auto answer = is_committed(member, question >= questions_before_it_is_ended);
    if (answer.ok() && !*answer) break;
    if (answer.ok() && **answer) return std::nullopt;
    if (answer.ok()) return Again{Obstacle::gone, std::move(lost)};
    why = answer.error().message;
    pause(pause_between_questions);
  }
  outcome = internal_error(
      "store.commit_unknown",
      "the answer to a COMMIT of the store (" + options_.conninfo + ") was lost: " + why,
      Retry::backoff,
      "what the ledgers of the targets say is right in any case; the run goes on from there when "
      "it is taken up again");
  return std::nullopt;
}

// Nothing: nobody knows. An error where its transaction may go on still, or the server is gone.
Result<std::optional<bool>> PostgresDatabase::is_committed(const Member& member, bool end_it) {
  TM_TRY(const std::unique_ptr<Connection> connection, connect("question"));
  if (end_it) {
    TM_CHECK(
        connection->query("select pg_catalog.pg_terminate_backend(pid) from "
                          "pg_catalog.pg_stat_activity where application_name = $1",
                          {name_of_sessions + member.id}, cancel_));
  }
  // The transaction has the row locked until it ends.
  TM_CHECK(connection->query("set lock_timeout = '100ms'", cancel_));
  TM_TRY(const postgres::Rows rows,
         connection->query("select number from tidemark_writes where session = $1 for update",
                           {member.id}, cancel_));
  if (rows.rows() == 0) return std::optional<bool>();
  return std::optional(rows.integer(0, 0) == member.writes);
}

// Also the table of the sessions, which every write needs. Two servers that start at the same
// moment do not make them both.
Status PostgresDatabase::make_schema() {
  TM_TRY(const std::unique_ptr<Connection> connection, connect("start"));
  PostgresSession session(*connection, clock_, cancel_);
  TM_TRY(const std::vector<std::string> columns, session.columns_of("tidemark_writes"));
  if (!columns.empty()) return {};
  TM_TRY(auto transaction,
         postgres::Transaction::begin(*connection, "isolation level read committed", cancel_));
  TM_CHECK(session.lock_schema(options_.schema));
  const std::string schema = postgres::quote_name(options_.schema);
  // Who was given the schema by its owner may not make one, not even where it is there.
  TM_TRY(const postgres::Rows schemas,
         connection->query("select 1 from pg_catalog.pg_namespace where nspname = $1",
                           {options_.schema}, cancel_));
  if (schemas.rows() == 0) TM_CHECK(connection->execute("create schema " + schema, cancel_));
  TM_CHECK(connection->execute("create table if not exists " + schema +
                                   ".tidemark_writes (session text primary key, number bigint not "
                                   "null, at timestamptz not null default now())",
                               cancel_));
  return transaction.commit(cancel_);
}

Status PostgresDatabase::open() {
  Status made = make_schema();
  if (made.ok()) return {};
  Error error = std::move(made).error();
  const bool not_permitted = error.code == "postgres.not_permitted";
  error = store_error(std::move(error)).with_context("opening the store " + options_.conninfo);
  if (not_permitted) {
    error.hint = "let an owner of the database make it once: `CREATE SCHEMA " +
                 postgres::quote_name(options_.schema) +
                 " AUTHORIZATION \"the user in store:\"`, or `GRANT CREATE ON DATABASE ... TO ...`";
  }
  return error;
}

}  // namespace

Result<std::unique_ptr<SqlDatabase>> open_postgres_database(const PostgresStoreOptions& options,
                                                            const Clock& clock) {
  auto database = std::make_unique<PostgresDatabase>(options, clock);
  TM_CHECK(database->open());
  return database;
}

}  // namespace tidemark
