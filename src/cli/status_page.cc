#include "cli/status_page.h"

#include <algorithm>

#include <fmt/format.h>

#include "alert/documents.h"
#include "alert/telling.h"
#include "base/units.h"
#include "cli/text_table.h"
#include "env/process.h"

namespace tidemark {
namespace {

using std::chrono::milliseconds;

// Steps that say nothing for a while are common: one statement loads a whole window.
constexpr milliseconds quiet_max = std::chrono::minutes(10);

milliseconds between(UtcMicros from, UtcMicros to) {
  return milliseconds((to.get() - from.get()) / 1000);
}

std::string ago(UtcMicros at, UtcMicros now) {
  return show_duration(std::max(between(at, now), milliseconds(0))) + " ago";
}

JsonValue time_or_null(const std::optional<UtcMicros>& at) {
  return at ? JsonValue(to_text(*at)) : JsonValue();
}

// How long ago the lease was renewed.
std::optional<milliseconds> heartbeat(const StatusPage& page, const RunUnderWay& run) {
  if (!run.lease) return std::nullopt;
  return page.lease - between(page.store.at, *run.lease->expires_at);
}

std::optional<UtcMicros> moved_at(const StatusPage& page, const RunUnderWay& run) {
  const auto sign = page.signs.find(run.run.run);
  if (sign == page.signs.end()) return run.moved_at;
  return run.moved_at ? std::max(sign->second.moved_at, *run.moved_at) : sign->second.moved_at;
}

struct SoFar {
  std::string step;
  std::int64_t rows = 0;
};

// As the run itself says it, or else as the store knows it.
SoFar so_far(const StatusPage& page, const RunUnderWay& run) {
  const auto sign = page.signs.find(run.run.run);
  if (sign != page.signs.end())
    return {std::string(to_string(sign->second.step)), sign->second.rows};
  SoFar known{std::string(to_string(run.run.state)), 0};
  for (const StreamRecord& stream : run.run.streams) {
    known.step = to_string(stream.mark.state);
    known.rows += stream.counts.rows_read.get();
  }
  return known;
}

JsonValue document(const StatusPage& page, const RunUnderWay& run) {
  const auto beat = heartbeat(page, run);
  const std::string why = stuck_why(page, run);
  const SoFar far = so_far(page, run);
  JsonValue json;
  json.set("job", run.run.job.get()).set("run_id", run.run.run.get());
  json.set("kind", to_string(run.run.kind)).set("started_at", to_text(run.run.started_at));
  json.set("step", far.step).set("rows", far.rows);
  json.set("process", run.lease ? JsonValue(run.lease->holder) : JsonValue());
  json.set("moved_at", time_or_null(moved_at(page, run)));
  json.set("heartbeat_ms", beat ? JsonValue(beat->count()) : JsonValue());
  return json.set("stuck", why.empty() ? JsonValue() : JsonValue(why));
}

JsonValue document(const FireRecord& fire) {
  JsonValue json;
  json.set("job", fire.task.job.get()).set("task", to_string(fire.task.what));
  json.set("fire", to_text(fire.fire)).set("half", to_string(fire.half));
  json.set("attempts", fire.attempts);
  return json.set("next_at", time_or_null(fire.next_at)).set("reason", fire.reason);
}

JsonValue documents(const std::vector<FireRecord>& fires) {
  JsonArray array;
  for (const FireRecord& fire : fires)
    array.push_back(document(fire));
  return array;
}

// Those that share the store or, where one owns the project, that one.
std::vector<ServerRecord> servers_of(const StatusPage& page) {
  if (!page.store.servers.empty() || !page.server) return page.store.servers;
  ServerRecord alone;
  alone.owner = page.server->process;
  alone.role = "all";
  alone.places = page.server->places;
  alone.started_at = page.server->now.since.value_or(page.store.at);
  alone.seen_at = page.store.at;
  return {alone};
}

JsonValue documents(const std::vector<ServerRecord>& servers) {
  JsonArray array;
  for (const ServerRecord& server : servers) {
    JsonArray labels;
    for (const std::string& label : server.labels)
      labels.emplace_back(label);
    JsonValue json;
    json.set("process", server.owner).set("role", server.role).set("labels", std::move(labels));
    json.set("places", server.places).set("leaves", server.leaves);
    json.set("since", to_text(server.started_at)).set("seen_at", to_text(server.seen_at));
    array.push_back(std::move(json));
  }
  return array;
}

std::string line_of(const ServerRecord& server, UtcMicros now) {
  std::string text = "server  " + describe_process(server.owner);
  if (server.role != "all") text += ", " + server.role;
  for (const std::string& label : server.labels)
    text += ", label " + label;
  if (server.leaves) text += ", leaves";
  text += ", since " + to_text(server.started_at);
  constexpr milliseconds silent{5'000};
  if (between(server.seen_at, now) > silent) text += ", last seen " + ago(server.seen_at, now);
  return text + "\n";
}

JsonValue document(const Failure& failure) {
  JsonValue json;
  const std::string& run = failure.run.get();
  json.set("job", failure.task.job.get()).set("task", to_string(failure.task.what));
  json.set("run_id", run.empty() ? JsonValue() : JsonValue(run));
  json.set("state", to_string(failure.state)).set("ended_at", time_or_null(failure.ended_at));
  return json.set("message", failure.message).set("hint", failure.hint);
}

JsonValue document(const CacheState& cache) {
  JsonValue json;
  json.set("name", cache.name).set("found", cache.found).set("asked", cache.asked);
  json.set("failing_since", cache.failing ? JsonValue(to_text(cache.failing->since)) : JsonValue());
  return json.set("failing", cache.failing ? JsonValue(cache.failing->why) : JsonValue());
}

std::string line_of(const CacheState& cache) {
  if (!cache.failing) return "cache   " + cache.name + "\n";
  return "cache   not asked since " + to_text(cache.failing->since) +
         ", the store is: " + cache.failing->why + "\n";
}

// Why what a job watches cannot be looked at; empty: it can.
std::string unseen_why(const StatusPage& page, const JobName& job) {
  if (!page.server) return {};
  for (const auto& [name, why] : page.server->now.unseen) {
    if (name == job) return why;
  }
  return {};
}

std::string task_name(const Task& task) {
  return task.what == FireTask::run ? task.job.get() : task.job.get() + " (verify)";
}

std::string task_name(const FireRecord& fire) {
  return task_name(fire.task) + (fire.half == FireHalf::load ? " (load)" : "");
}

// Whoever loads it next takes its lease.
bool waits_for_its_load(const StatusPage& page, const RunUnderWay& run) {
  const auto is_its_fire = [&](const FireRecord& fire) {
    return fire.half == FireHalf::load && fire.run == run.run.run;
  };
  const auto& waiting = page.store.waiting;
  const auto& to_retry = page.store.to_retry;
  return std::any_of(waiting.begin(), waiting.end(), is_its_fire) ||
         std::any_of(to_retry.begin(), to_retry.end(), is_its_fire);
}

// One line: what stands in it may have several.
std::string first_line(const std::string& text) {
  constexpr std::size_t shown_max = 110;
  const std::string line = text.substr(0, text.find('\n'));
  return line.size() <= shown_max ? line : line.substr(0, shown_max) + "...";
}

std::string section(const std::string& title, const TextTable& table, int columns) {
  return table.rows.empty() ? "" : "\n" + title + "\n" + print_table(table, columns);
}

// What is more than fits in a list is counted in its title.
std::string with_total(const std::string& title, std::int64_t total, std::size_t shown) {
  if (total <= static_cast<std::int64_t>(shown)) return title;
  return fmt::format("{} ({} of {})", title, shown, show_count(total));
}

std::string head(const StatusPage& page) {
  const StoreOverview& store = page.store;
  std::string text = "at      " + to_text(store.at) + "\n";
  const std::vector<ServerRecord> servers = servers_of(page);
  if (servers.empty()) text += "server  none: `tidemark serve` runs the jobs at their times\n";
  for (const ServerRecord& server : servers)
    text += line_of(server, store.at);
  if (page.cache) text += line_of(*page.cache);
  text += fmt::format(
      "fires   {} running, {} waiting{}, {} to try again\n", show_count(store.fires_running),
      show_count(store.fires_waiting),
      store.waits_since ? " (the oldest of " + ago(*store.waits_since, store.at) + ")" : "",
      show_count(store.fires_to_retry));
  if (page.server && page.server->now.delays.fires > 0) {
    const Delays::Summary& delays = page.server->now.delays;
    text += fmt::format("delay   p50 {}, p99 {}, longest {}, of {} fires in the last hour\n",
                        show_duration(delays.p50), show_duration(delays.p99),
                        show_duration(delays.max), show_count(delays.fires));
  }
  return text;
}

TextTable running_table(const StatusPage& page) {
  TextTable table{{"job", "run", "step", "rows", "since", "heartbeat", "moved", "stuck?"},
                  {false, false, false, true, true, true, true, false},
                  {}};
  for (const RunUnderWay& run : page.store.running) {
    const auto beat = heartbeat(page, run);
    const auto moved = moved_at(page, run);
    const SoFar far = so_far(page, run);
    table.rows.push_back({run.run.job.get(), run.run.run.get(), far.step, show_count(far.rows),
                          show_duration(between(run.run.started_at, page.store.at)),
                          beat ? show_duration(std::max(*beat, milliseconds(0))) : "-",
                          moved ? ago(*moved, page.store.at) : "-", stuck_why(page, run)});
  }
  return table;
}

}  // namespace

std::string stuck_why(const StatusPage& page, const RunUnderWay& run) {
  const UtcMicros now = page.store.at;
  // A run takes its lease when it has a plan.
  const bool is_planned = run.run.state != RunState::claimed;
  if (is_planned && !run.lease && waits_for_its_load(page, run)) return {};
  if (is_planned && !run.lease) return "nobody holds its lease: the job's next run goes on with it";
  if (run.lease && process_is_gone_here(run.lease->holder))
    return describe_process(run.lease->holder) + " is gone: the job's next run goes on with it";
  if (run.lease && *run.lease->expires_at <= now)
    return "its lease ended " + ago(*run.lease->expires_at, now);
  const auto moved = moved_at(page, run);
  if (moved && between(*moved, now) > quiet_max) return "nothing moved for long";
  return {};
}

JsonValue status_document(const StatusPage& page) {
  const StoreOverview& store = page.store;
  JsonValue json;
  json.set("at", to_text(store.at));
  JsonArray resting;
  JsonValue delay;
  if (page.server) {
    const ServiceNow& now = page.server->now;
    for (const RestingConnection& one : now.resting) {
      resting.push_back(JsonValue()
                            .set("connection", one.connection)
                            .set("until", to_text(one.until))
                            .set("reason", one.why));
    }
    delay.set("fires", now.delays.fires).set("p50_ms", now.delays.p50.count());
    delay.set("p99_ms", now.delays.p99.count()).set("max_ms", now.delays.max.count());
  }
  json.set("servers", documents(servers_of(page)));
  json.set("cache", page.cache ? document(*page.cache) : JsonValue());
  json.set("fires", JsonValue()
                        .set("running", store.fires_running)
                        .set("waiting", store.fires_waiting)
                        .set("waiting_since", time_or_null(store.waits_since))
                        .set("to_retry", store.fires_to_retry));
  json.set("delay", std::move(delay));
  JsonArray running;
  for (const RunUnderWay& run : store.running)
    running.push_back(document(page, run));
  json.set("running", std::move(running)).set("waiting", documents(store.waiting));
  json.set("to_retry", documents(store.to_retry)).set("resting", std::move(resting));
  JsonArray failed;
  for (const Failure& one : store.failed)
    failed.push_back(document(one));
  JsonArray notes;
  for (const auto& [note, jobs] : page.notes) {
    JsonArray names;
    for (const JobName& job : jobs)
      names.emplace_back(job.get());
    notes.push_back(JsonValue().set("note", note).set("jobs", std::move(names)));
  }
  JsonArray next;
  for (const DueFire& fire : page.next) {
    next.push_back(JsonValue()
                       .set("job", fire.task.job.get())
                       .set("task", to_string(fire.task.what))
                       .set("fire", to_text(fire.fire))
                       .set("begins_at", to_text(fire.begin)));
  }
  JsonArray watched;
  for (const SeenChange& one : store.watched) {
    const std::string why = unseen_why(page, one.job);
    watched.push_back(JsonValue()
                          .set("job", one.job.get())
                          .set("watched", one.watched)
                          .set("followed_at", to_text(one.seen_at))
                          .set("unseen", why.empty() ? JsonValue() : JsonValue(why)));
  }
  json.set("watched", std::move(watched));
  JsonArray followers;
  if (page.server) {
    const auto& known = page.server->now.followers;
    for (std::size_t at = 0; at < std::min<std::size_t>(known.size(), status_lines_max); ++at) {
      followers.push_back(
          JsonValue().set("job", known[at].first.get()).set("awaited", known[at].second));
    }
  }
  json.set("followers", std::move(followers));
  json.set("failed", std::move(failed)).set("failed_total", store.failed_total);
  json.set("notes", std::move(notes));
  JsonArray alerts;
  for (const AlertRecord& alert : page.alerts.alerts) {
    if (alerts.size() < status_lines_max)
      alerts.push_back(alert_document(alert, page.alerts.silences));
  }
  json.set("alerts", std::move(alerts)).set("alerts_total", std::ssize(page.alerts.alerts));
  return json.set("next", std::move(next));
}

std::string status_report(const StatusPage& page, int columns) {
  const StoreOverview& store = page.store;
  std::string text = head(page);
  const auto add = [&](const std::string& title, const TextTable& table) {
    text += section(title, table, columns);
  };
  add("running", running_table(page));
  TextTable waiting{{"job", "time", "why"}, {}, {}};
  for (const FireRecord& fire : store.waiting) {
    waiting.rows.push_back({task_name(fire), to_text(fire.fire),
                            fire.reason.empty() ? "for its turn" : first_line(fire.reason)});
  }
  add(with_total("waiting", store.fires_waiting, store.waiting.size()), waiting);
  TextTable followers{{"job", "waits for"}, {}, {}};
  if (page.server) {
    const auto& known = page.server->now.followers;
    for (const auto& [job, awaited] : known) {
      if (followers.rows.size() < status_lines_max) followers.rows.push_back({job.get(), awaited});
    }
    add(with_total("after others", std::ssize(known), followers.rows.size()), followers);
  }
  TextTable to_retry{{"job", "attempts", "next", "why"}, {false, true, false, false}, {}};
  for (const FireRecord& fire : store.to_retry) {
    to_retry.rows.push_back({task_name(fire), std::to_string(fire.attempts),
                             fire.next_at ? to_text(*fire.next_at) : "-", first_line(fire.reason)});
  }
  add(with_total("waiting for their next attempt", store.fires_to_retry, store.to_retry.size()),
      to_retry);
  TextTable resting{{"connection", "until", "why"}, {}, {}};
  if (page.server) {
    for (const RestingConnection& one : page.server->now.resting)
      resting.rows.push_back({one.connection, to_text(one.until), first_line(one.why)});
  }
  add("connections at rest", resting);
  TextTable failed{{"job", "run", "state", "when", "message"}, {}, {}};
  for (const Failure& one : store.failed) {
    failed.rows.push_back({task_name(one.task), one.run.get().empty() ? "-" : one.run.get(),
                           std::string(to_string(one.state)),
                           one.ended_at ? ago(*one.ended_at, store.at) : "-",
                           first_line(one.message)});
  }
  add(with_total("failed, and none since has ended well", store.failed_total, store.failed.size()),
      failed);
  TextTable alerts{{"severity", "rule", "since", "text"}, {}, {}};
  for (const AlertRecord& alert : page.alerts.alerts) {
    if (alerts.rows.size() == status_lines_max) break;
    alerts.rows.push_back(
        {alert.severity + (is_silent(alert, page.alerts.silences) ? ", silent" : ""), alert.rule,
         ago(alert.since, store.at), first_line(alert.text)});
  }
  add(with_total("alerts", std::ssize(page.alerts.alerts), alerts.rows.size()), alerts);
  TextTable notes{{"jobs", "what their newest runs say"}, {}, {}};
  for (const auto& [note, jobs] : page.notes) {
    if (notes.rows.size() == status_lines_max) break;
    notes.rows.push_back(
        {jobs.size() == 1 ? jobs.front().get() : show_count(std::ssize(jobs)), first_line(note)});
  }
  add("notes", notes);
  TextTable watched{{"job", "watches", "followed", "cannot be looked at"}, {}, {}};
  for (const SeenChange& one : store.watched) {
    watched.rows.push_back({one.job.get(), one.watched, ago(one.seen_at, store.at),
                            first_line(unseen_why(page, one.job))});
  }
  add("watched", watched);
  TextTable next{{"job", "time"}, {}, {}};
  for (const DueFire& fire : page.next)
    next.rows.push_back({task_name(fire.task), to_text(fire.begin)});
  add("next", next);
  return text;
}

}  // namespace tidemark
