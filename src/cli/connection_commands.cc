#include "cli/connection_commands.h"

#include <optional>
#include <utility>
#include <vector>

#include "base/units.h"
#include "cli/text_table.h"
#include "env/process.h"

namespace tidemark {
namespace {

using Facts = std::vector<std::pair<std::string, std::string>>;

std::string per_second(const std::optional<std::int64_t>& limit, std::string (*show)(std::int64_t),
                       const char* unit) {
  return limit ? show(*limit) + unit + " a second" : std::string();
}

// What is limited, in words; empty: nothing is.
Facts limits_of(const GuardSpec& guard) {
  Facts facts;
  const auto add = [&](const char* name, std::string text) {
    if (!text.empty()) facts.emplace_back(name, std::move(text));
  };
  add("rows", per_second(guard.rows_per_second, show_count, " rows"));
  add("bytes", per_second(guard.bytes_per_second, show_bytes, ""));
  add("connections",
      guard.connections ? "at most " + show_count(*guard.connections) : std::string());
  add("replica", guard.replica ? "rows come from it" : std::string());
  add("statement timeout",
      guard.statement_timeout ? show_duration(*guard.statement_timeout) : std::string());
  add("slow above", guard.slow_above ? show_duration(*guard.slow_above) : std::string());
  add("lag above", guard.lag_above ? show_bytes(*guard.lag_above) : std::string());
  std::string hours;
  for (const QuietHours& one : guard.quiet_hours)
    hours += (hours.empty() ? "" : ", ") + one.text();
  add("quiet hours", hours.empty() ? hours : hours + " " + guard.timezone.value);
  return facts;
}

JsonValue json_of(const Facts& facts) {
  JsonValue json{JsonObject{}};
  for (const auto& [name, text] : facts)
    json.set(name, text);
  return json;
}

std::string text_of(const Facts& facts) {
  constexpr std::size_t width = 19;
  std::string text;
  for (const auto& [name, value] : facts)
    text += "  " + name + std::string(name.size() < width ? width - name.size() : 1, ' ') + value +
            "\n";
  return text;
}

std::string report(const ConnectionState& state) {
  std::string text = text_of(state.facts);
  if (state.sessions.empty()) return text;
  TextTable table{{"session", "for", "state", "since"}, {true, false, false, false}, {}};
  for (const ConnectionState::Session& session : state.sessions)
    table.rows.push_back({session.id, session.what, session.state, session.since});
  return text + "\n" + print_table(table);
}

JsonValue sessions_of(const ConnectionState& state) {
  JsonValue list{JsonArray{}};
  for (const ConnectionState::Session& session : state.sessions) {
    list.append(JsonValue()
                    .set("id", session.id)
                    .set("for", session.what)
                    .set("state", session.state)
                    .set("since", session.since));
  }
  return list;
}

using Shares = std::optional<std::vector<GuardShare>>;

std::string percent(std::int64_t part) {
  return show_count(part * 100 / whole_part) + " %";
}

// What the processes that share the store use of a connection now.
std::string text_of(const Shares& shares, const std::string& connection) {
  if (!shares) return {};
  TextTable table{{"process", "sessions", "more wanted", "of the rates", "strain", "jobs"},
                  {false, true, true, true, true, false},
                  {}};
  std::int64_t places = 0;
  for (const GuardShare& share : *shares) {
    if (share.connection != connection) continue;
    places += share.places;
    std::string jobs;
    for (const auto& [job, sessions] : share.jobs)
      jobs += (jobs.empty() ? "" : ", ") + job + " " + show_count(sessions);
    table.rows.push_back({describe_process(share.holder), show_count(share.places),
                          show_count(share.wanted), percent(share.part), percent(share.strain),
                          std::move(jobs)});
  }
  if (table.rows.empty()) return {};
  return "\nin use by all processes: " + show_count(places) +
         (places == 1 ? " session" : " sessions") + "\n" + print_table(table);
}

JsonValue json_of(const Shares& shares, const std::string& connection) {
  if (!shares) return {};
  JsonValue list{JsonArray{}};
  for (const GuardShare& share : *shares) {
    if (share.connection != connection) continue;
    JsonValue jobs{JsonArray{}};
    for (const auto& [job, sessions] : share.jobs)
      jobs.append(JsonValue().set("job", job).set("sessions", sessions));
    list.append(JsonValue()
                    .set("process", describe_process(share.holder))
                    .set("sessions", share.places)
                    .set("wanted", share.wanted)
                    .set("part_ppm", share.part)
                    .set("strain_ppm", share.strain)
                    .set("silent_ms", static_cast<std::int64_t>(share.silent.count()))
                    .set("jobs", std::move(jobs)));
  }
  return list;
}

}  // namespace

int show_connections(const Call& call) {
  auto outcome = [&]() -> Result<int> {
    TM_TRY(auto workspace, open_good(call));
    TM_TRY(const std::vector<const ConnectionSpec*> wanted, connections_named(call, *workspace));
    TM_TRY(const Shares shares, workspace->guard_shares());
    JsonValue list{JsonArray{}};
    bool all_asked = true;
    for (const ConnectionSpec* connection : wanted) {
      const Facts limits = limits_of(connection->guard);
      const auto state = workspace->state_of(*connection, call.cancel);
      TM_CHECK(call.cancel.check());
      all_asked = all_asked && state.ok();
      JsonValue json;
      json.set("name", connection->name.value)
          .set("connector", connection->connector)
          .set("limits", json_of(limits));
      const ConnectionState known = state.ok() ? *state : ConnectionState{};
      json.set("state", json_of(known.facts)).set("sessions", sessions_of(known));
      json.set("in_use", json_of(shares, connection->name.value));
      json.set("error", state.ok() ? JsonValue() : JsonValue(state.error().describe()));
      list.append(std::move(json));
      if (call.line.json) continue;
      call.print(
          (connection == wanted.front() ? "" : "\n") + connection->name.value + " (" +
          connection->connector + ": " + connection->shown + ")\n" + text_of(limits) +
          (state.ok() ? report(known) : "  cannot be asked: " + state.error().describe() + "\n") +
          text_of(shares, connection->name.value));
    }
    if (call.line.json) call.print_json(JsonValue().set("connections", std::move(list)));
    return all_asked ? exit_done : exit_failed;
  }();
  return outcome.ok() ? *outcome : fail(call, outcome.error());
}

}  // namespace tidemark
