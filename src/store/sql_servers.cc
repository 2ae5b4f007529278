#include "store/sql_servers.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "store/sql_fires.h"

namespace tidemark::sql_servers {
namespace {

using sql_fires::open_states;

std::string joined(const std::set<std::string>& words) {
  std::string text;
  for (const std::string& word : words)
    text += (text.empty() ? "" : " ") + word;
  return text;
}

std::set<std::string> words_of(std::string_view text) {
  std::set<std::string> words;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find(' ', at), text.size());
    if (end > at) words.emplace(text.substr(at, end - at));
    at = end + 1;
  }
  return words;
}

Status say(SqlSession& session, const ServerRecord& server, UtcMicros now) {
  TM_TRY(auto upsert,
         session.prepare("INSERT INTO etl_servers (owner, role, labels, places, leaves, "
                         "started_at, seen_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6) "
                         "ON CONFLICT (owner) DO UPDATE SET role = excluded.role, "
                         "labels = excluded.labels, places = excluded.places, "
                         "leaves = excluded.leaves, seen_at = excluded.seen_at"));
  return upsert.bind_text(0, server.owner)
      .bind_text(1, server.role)
      .bind_text(2, joined(server.labels))
      .bind_int64(3, server.places)
      .bind_int64(4, server.leaves ? 1 : 0)
      .bind_text(5, to_text(now))
      .run();
}

Status forget_server(SqlSession& session, const std::string& owner) {
  TM_TRY(auto gone, session.prepare("DELETE FROM etl_servers WHERE owner = ?"));
  return gone.bind_text(0, owner).run();
}

// Whose servers are not there have their fires no more; those that were to stop have. How many
// those were.
Result<std::int64_t> free_fires(SqlSession& session, UtcMicros now) {
  const std::string of_the_dead = std::string(" WHERE owner <> '' AND state IN ") + open_states +
                                  " AND owner NOT IN (SELECT owner FROM etl_servers)";
  TM_TRY(auto stopped, session.prepare("UPDATE etl_fires SET state = 'cancelled', reason = stop, "
                                       "stop = '', ended_at = ?" +
                                       of_the_dead + " AND stop <> ''"));
  TM_CHECK(stopped.bind_text(0, to_text(now)).run());
  // Until when it would wait for others there is asked anew.
  TM_TRY(auto free, session.prepare("UPDATE etl_fires SET owner = '', next_at = CASE WHEN state = "
                                    "'waiting' THEN NULL ELSE next_at END" +
                                    of_the_dead));
  TM_CHECK(free.run());
  return session.changed_rows();
}

// What a server that leaves has not begun.
Status free_waiting(SqlSession& session, const std::string& owner) {
  TM_TRY(auto free, session.prepare("UPDATE etl_fires SET owner = '', next_at = NULL WHERE owner = "
                                    "? AND state = 'waiting'"));
  return free.bind_text(0, owner).run();
}

Result<std::int64_t> count(SqlSession& session, const std::string& condition) {
  TM_TRY(auto rows, session.prepare("SELECT count(*) FROM etl_fires WHERE " + condition +
                                    " AND state IN " + open_states));
  TM_TRY(const bool has_row, rows.step());
  return has_row ? rows.int64_at(0) : 0;
}

// How many of each pool are had, by all servers.
Result<std::map<std::string, int>> taken_places(SqlSession& session) {
  TM_TRY(auto rows, session.prepare(std::string("SELECT pool, count(*) FROM etl_fires WHERE owner "
                                                "<> '' AND pool <> '' AND state IN ") +
                                    open_states + " GROUP BY pool"));
  std::map<std::string, int> taken;
  while (true) {
    TM_TRY(const bool more, rows.step());
    if (!more) return taken;
    taken[std::string(rows.text_at(0))] = static_cast<int>(rows.int64_at(1));
  }
}

bool is_full(const std::string& pool, const std::map<std::string, int>& limits,
             const std::map<std::string, int>& taken) {
  const auto limit = limits.find(pool);
  const auto had = taken.find(pool);
  return limit != limits.end() && had != taken.end() && had->second >= limit->second;
}

// Of each task its oldest fire that may begin, whose job nobody has a fire of; where one of the job
// is to be loaded, that one alone. Of those the first `limit` in their turns.
//
// Found from job to job and in each by its oldest, so that what a claim reads grows with the jobs
// that wait and not with their fires, and only those that are given back are locked.
Result<std::vector<FireRecord>> candidates(SqlSession& session, UtcMicros now, std::int64_t limit) {
  const std::string is_open = std::string("state IN ") + open_states;
  const std::string is_free = "owner = '' AND " + is_open;
  const std::string next_job = "SELECT min(job_id) FROM etl_fires WHERE " + is_free;
  const std::string jobs = "jobs (job_id) AS (" + next_job + " UNION ALL SELECT (" + next_job +
                           " AND job_id > jobs.job_id) FROM jobs WHERE jobs.job_id IS NOT NULL)";
  const std::string oldest =
      "SELECT min(fire_time) FROM etl_fires free WHERE free.job_id = jobs.job_id AND free.task = "
      "kinds.task AND " +
      is_free +
      " AND (next_at IS NULL OR next_at <= ?1) AND (half = 'load' OR job_id NOT IN (SELECT job_id "
      "FROM etl_fires WHERE half = 'load' AND " +
      is_open + "))";
  const std::string heads =
      "heads AS (SELECT jobs.job_id, kinds.task, (" + oldest +
      ") AS fire_time FROM jobs CROSS JOIN (SELECT 'run' AS task UNION ALL SELECT 'verify') kinds "
      "WHERE jobs.job_id IS NOT NULL AND jobs.job_id NOT IN (SELECT job_id FROM etl_fires WHERE "
      "owner > '' AND " +
      is_open + "))";
  TM_TRY(auto rows,
         session.prepare(
             "WITH RECURSIVE " + jobs + ", " + heads + " " + sql_fires::select_fires +
             "JOIN heads ON heads.job_id = f.job_id AND heads.task = f.task AND heads.fire_time = "
             "f.fire_time ORDER BY f.priority DESC, coalesce((SELECT max(turn.claimed_at) FROM "
             "etl_fires turn WHERE turn.job_id = f.job_id AND turn.claimed_at IS NOT NULL), ''), "
             "f.fire_time, j.name LIMIT ?2" +
             session.passing_over_locked("f")));
  rows.bind_text(0, to_text(now)).bind_int64(1, limit);
  return sql_fires::read(rows);
}

Status have(SqlSession& session, const FireRecord& fire, UtcMicros now) {
  TM_TRY(auto update, session.prepare("UPDATE etl_fires SET owner = ?4, claimed_at = ?5 WHERE "
                                      "job_id = ?1 AND task = ?2 AND fire_time = ?3"));
  return update.bind_text(0, job_id_of(fire.task.job).get())
      .bind_text(1, to_string(fire.task.what))
      .bind_text(2, to_text(fire.fire))
      .bind_text(3, fire.owner)
      .bind_text(4, to_text(now))
      .run();
}

}  // namespace

Result<ServerView> lives(SqlSession& session, const ServerRecord& server,
                         std::optional<std::chrono::milliseconds> dead_after) {
  ServerView view;
  TM_TRY(view.now, session.now());
  TM_CHECK(say(session, server, view.now));
  if (server.leaves) TM_CHECK(free_waiting(session, server.owner));
  TM_TRY(const std::vector<ServerRecord> servers, list(session));
  const auto was_silent = [&](const ServerRecord& one) {
    return dead_after &&
           one.seen_at.get() < view.now.get() - std::chrono::microseconds(*dead_after).count();
  };
  for (const ServerRecord& other : servers) {
    if (other.owner == server.owner) continue;
    if (was_silent(other) || session.is_gone(other.owner))
      TM_CHECK(forget_server(session, other.owner));
  }
  TM_TRY(view.freed, free_fires(session, view.now));
  TM_TRY(view.waiting, count(session, "owner = ''"));
  TM_TRY(auto rows, session.prepare(std::string(sql_fires::select_fires) +
                                    "WHERE f.owner = ? AND f.stop <> '' AND f.state = 'running'"));
  rows.bind_text(0, server.owner);
  TM_TRY(view.stop, sql_fires::read(rows));
  return view;
}

Status leaves(SqlSession& session, const std::string& owner) {
  TM_CHECK(forget_server(session, owner));
  TM_TRY(const UtcMicros now, session.now());
  TM_TRY([[maybe_unused]] const std::int64_t freed, free_fires(session, now));
  return {};
}

Result<std::vector<ServerRecord>> list(SqlSession& session) {
  TM_TRY(auto rows, session.prepare("SELECT owner, role, labels, places, leaves, started_at, "
                                    "seen_at FROM etl_servers ORDER BY started_at, owner"));
  std::vector<ServerRecord> servers;
  while (true) {
    TM_TRY(const bool more, rows.step());
    if (!more) return servers;
    ServerRecord server;
    server.owner = rows.text_at(0);
    server.role = rows.text_at(1);
    server.labels = words_of(rows.text_at(2));
    server.places = static_cast<int>(rows.int64_at(3));
    server.leaves = rows.int64_at(4) != 0;
    TM_TRY(server.started_at, parse_utc(rows.text_at(5)));
    TM_TRY(server.seen_at, parse_utc(rows.text_at(6)));
    servers.push_back(std::move(server));
  }
}

Result<std::vector<FireRecord>> claim(SqlSession& session, const FireClaim& claim) {
  // More than there are places for, since some are left out: full pools, labels, a job's second.
  constexpr std::int64_t all = 1'000'000'000;
  TM_TRY(const UtcMicros now, session.now());
  std::vector<FireRecord> claimed;
  std::set<JobName> jobs;
  std::int64_t limit = 4 * std::max<std::int64_t>(0, claim.places) + 16;
  while (true) {
    TM_TRY(const std::vector<FireRecord> free, candidates(session, now, limit));
    if (free.empty()) return claimed;
    TM_TRY(auto taken, taken_places(session));
    for (const FireRecord& candidate : free) {
      if (claimed.size() >= static_cast<std::size_t>(std::max(0, claim.places))) return claimed;
      if (!candidate.label.empty() && !claim.labels.contains(candidate.label)) continue;
      if (claim.takes && !claim.takes(candidate)) continue;
      const bool full = is_full(candidate.pool, claim.pools, taken);
      if (full || !jobs.insert(candidate.task.job).second) continue;
      ++taken[candidate.pool];
      FireRecord fire = candidate;
      fire.owner = claim.owner;
      TM_CHECK(have(session, fire, now));
      claimed.push_back(std::move(fire));
    }
    if (static_cast<std::int64_t>(free.size()) < limit || limit == all) return claimed;
    limit = all;
  }
}

Result<bool> begin_load(SqlSession& session, const FireRecord& fire,
                        const std::map<std::string, int>& pools) {
  TM_TRY(auto rows, session.prepare("SELECT pool FROM etl_fires WHERE job_id = ? AND task = ? AND "
                                    "fire_time = ?"));
  TM_TRY(const bool has_row, rows.bind_text(0, job_id_of(fire.task.job).get())
                                 .bind_text(1, to_string(fire.task.what))
                                 .bind_text(2, to_text(fire.fire))
                                 .step());
  const bool has_place = has_row && rows.text_at(0) == fire.pool;
  TM_TRY(const auto taken, taken_places(session));
  if (!has_place && is_full(fire.pool, pools, taken)) return false;
  TM_CHECK(sql_fires::update(session, fire, fire.owner));
  return true;
}

}  // namespace tidemark::sql_servers
