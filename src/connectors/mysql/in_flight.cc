#include "connectors/mysql/in_flight.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <set>
#include <thread>
#include <utility>

namespace tidemark::mysql {
namespace {

constexpr const char* not_permitted = "mysql.not_permitted";
// InnoDB gives one list of transactions to all who ask within 100 ms of the last who did. Those of
// other processes who wait as we do must not come at the same pace.
constexpr std::chrono::milliseconds list_age{110};
constexpr std::uint64_t apart_ms = 150;
constexpr std::chrono::seconds list_patience{3};
// MySQL shows transactions that have not written yet by made-up ids from here up, MariaDB by 0.
constexpr std::uint64_t unwritten_id = std::uint64_t{1} << 48;

struct ListedTransaction {
  std::uint64_t session = 0;
  std::string id;
  bool wrote = false;
  bool reads_only = false;
};

std::uint64_t number(const Rows& rows, std::size_t row, std::size_t column) {
  return static_cast<std::uint64_t>(std::strtoull(rows.string(row, column).c_str(), nullptr, 10));
}

Obstacle lacks(const std::string& what, const std::string& grant) {
  return {what, "run `" + grant + "` for a `bounded` watermark"};
}

// Who this session is, as GRANT wants it.
Result<std::string> account(Connection& connection, Cancel& cancel) {
  TM_TRY(const Rows rows, connection.query("select current_user()", cancel));
  const std::string name = rows.string(0, 0);
  const std::size_t split = name.rfind('@');
  if (split == std::string::npos) return quote_text(name);
  return quote_text(name.substr(0, split)) + "@" + quote_text(name.substr(split + 1));
}

Result<std::optional<std::vector<ListedTransaction>>> transactions_now(Connection& connection,
                                                                       Cancel& cancel) {
  TM_CHECK(connection.execute("set transaction isolation level repeatable read", cancel));
  TM_TRY(Transaction own,
         Transaction::begin(connection, "with consistent snapshot, read only", cancel));
  const auto begin = std::chrono::steady_clock::now();
  const auto deadline = begin + list_patience;
  // A list that has our own question in it was made for it, or for an earlier try of this look.
  const std::string mark = quote_text("look " + std::to_string(begin.time_since_epoch().count()));
  const std::string question =
      "select " + mark +
      ", trx_id, trx_mysql_thread_id, trx_is_read_only or trx_autocommit_non_locking, trx_query "
      "from information_schema.innodb_trx";
  std::uint64_t tries = 0;
  while (true) {
    TM_TRY(const Rows rows, connection.query(question, cancel));
    std::vector<ListedTransaction> found;
    bool fresh = false;
    for (std::size_t row = 0; row < rows.rows(); ++row) {
      const std::uint64_t id = number(rows, row, 1);
      const std::uint64_t session = number(rows, row, 2);
      if (session == connection.session_id()) {
        fresh = rows.string(row, 4).find(mark) != std::string::npos;
        continue;
      }
      found.push_back(
          {session, rows.string(row, 1), id != 0 && id < unwritten_id, rows.integer(row, 3) != 0});
    }
    if (fresh) return std::optional(std::move(found));
    if (std::chrono::steady_clock::now() > deadline)
      return std::optional<std::vector<ListedTransaction>>();
    const std::uint64_t apart = connection.session_id() * (1 + ++tries) * 37 % apart_ms;
    std::this_thread::sleep_for(list_age + std::chrono::milliseconds(apart));
  }
}

Result<bool> in_cluster(Connection& connection, Cancel& cancel) {
  TM_TRY(const Rows cluster,
         connection.query("show global variables where variable_name = 'wsrep_on' and value = 'ON'",
                          cancel));
  return cluster.rows() > 0;
}

}  // namespace

Result<std::string> follows_another(Connection& connection, Cancel& cancel) {
  TM_TRY(const Rows facts,
         connection.query("select @@global.read_only, (select count(*) from "
                          "information_schema.processlist where user = 'system user' and command "
                          "<> 'Daemon')",
                          cancel));
  TM_TRY(const bool cluster, in_cluster(connection, cancel));
  if (cluster) return std::string("the server is a node of a Galera cluster");
  if (facts.integer(0, 1) > 0) return std::string("the server is a replica");
  return std::string(facts.integer(0, 0) != 0 ? "the server is read_only, as a replica is" : "");
}

Result<Obstacle> find_obstacle(Connection& connection, Cancel& cancel) {
  const auto listed =
      connection.query("select 1 from information_schema.innodb_trx limit 1", cancel);
  if (!listed.ok() && listed.error().code != not_permitted) return listed.error();
  TM_TRY(const std::string user, account(connection, cancel));
  if (!listed.ok()) {
    return lacks("this user cannot see the statements and transactions of others",
                 connection.flavour().process_grant(user));
  }
  const auto prepared = connection.query("xa recover", cancel);
  if (!prepared.ok()) {
    return lacks("this user cannot see prepared XA transactions",
                 "GRANT XA_RECOVER_ADMIN ON *.* TO " + user);
  }
  TM_TRY(const Rows facts,
         connection.query(
             "select @@global.read_only, (select count(*) from information_schema.processlist "
             "where user = 'system user' and command <> 'Daemon'), (select count(*) from "
             "information_schema.engines where transactions = 'YES' and support in ('YES', "
             "'DEFAULT') and engine not in ('InnoDB', 'SEQUENCE'))",
             cancel));
  if (facts.integer(0, 1) > 0 || facts.integer(0, 0) != 0) {
    return Obstacle{facts.integer(0, 1) > 0
                        ? "the server is a replica, which gets rows long after their time"
                        : "the server is read_only, as a replica is, which gets rows long after "
                          "their time",
                    "connect to the primary for a `bounded` watermark"};
  }
  if (facts.integer(0, 2) > 0) {
    return Obstacle{
        "the server has a transactional engine beside InnoDB, whose transactions "
        "cannot be seen",
        "switch that engine off for a `bounded` watermark"};
  }
  TM_TRY(const bool cluster, in_cluster(connection, cancel));
  if (cluster) {
    return Obstacle{
        "the server is a node of a Galera cluster, which gets rows of other nodes "
        "after their time",
        "read such a table by `load: upsert`"};
  }
  return Obstacle{};
}

Result<std::optional<Seen>> look(Connection& session, Cancel& cancel) {
  Seen now;
  TM_TRY(const Rows clock, session.query("select cast(now(6) as char)", cancel));
  now.moment = clock.string(0, 0);
  TM_TRY(const Rows statements,
         session.query("select id, " + session.flavour().statement_start() +
                           " from information_schema.processlist where "
                           "id <> connection_id() and command not in ('Sleep', 'Daemon', "
                           "'Binlog Dump', 'Binlog Dump GTID') and user <> 'unauthenticated user'",
                       cancel));
  TM_TRY(const auto transactions, transactions_now(session, cancel));
  if (!transactions) return std::optional<Seen>();
  std::set<std::uint64_t> readers;
  for (const ListedTransaction& transaction : *transactions) {
    if (transaction.wrote) now.transactions.push_back({transaction.id, transaction.session});
    if (transaction.reads_only && !transaction.wrote) readers.insert(transaction.session);
  }
  for (std::size_t row = 0; row < statements.rows(); ++row) {
    const std::uint64_t id = number(statements, row, 0);
    // Its transaction can write nothing, so neither can the statement.
    if (readers.contains(id)) continue;
    now.statements.push_back({id, statements.string(row, 1)});
  }
  TM_TRY(const Rows prepared, session.query(session.flavour().list_prepared(), cancel));
  for (std::size_t row = 0; row < prepared.rows(); ++row) {
    // It may be any bytes, and is kept as text.
    std::string id = prepared.string(row, 3);
    std::replace_if(id.begin(), id.end(), [](char c) { return c < ' ' || c > '~'; }, '_');
    now.prepared.push_back(std::move(id));
  }
  return std::optional(std::move(now));
}

Result<std::string> server_identity(Connection& connection, Cancel& cancel) {
  TM_TRY(const Rows rows, connection.query("select " + connection.flavour().identity(), cancel));
  return rows.string(0, 0);
}

}  // namespace tidemark::mysql
