#include "cli/alert_commands.h"

#include <algorithm>
#include <utility>

#include "alert/channel.h"
#include "alert/documents.h"
#include "alert/store_board.h"
#include "alert/telling.h"
#include "base/nearest.h"
#include "cli/serve_alerts.h"
#include "cli/text_table.h"
#include "env/process.h"
#include "run/project_store.h"
#include "store/migrations.h"

namespace tidemark {
namespace {

std::string second_of(UtcMicros at) {
  constexpr std::size_t second_length = 19;
  return to_text(at).substr(0, second_length) + "Z";
}

// The project's store, which is made when it is missing.
Result<std::unique_ptr<SqlDatabase>> open_store(const Call& call, const Workspace& workspace) {
  const ProjectSpec& project = workspace.project();
  TM_TRY(auto database,
         open_store_database(project.store, project.root, call.around.files, call.around.clock));
  TM_CHECK(migrate(*database, store_migrations()));
  return database;
}

AuditEntry deed_of(const std::string& what, const std::string& on) {
  AuditEntry deed;
  deed.name = this_user();
  deed.peer = this_host();
  deed.what = what;
  deed.on = on;
  return deed;
}

std::string state_of(const AlertRecord& alert, const AlertsThen& then) {
  if (alert.resolved_at) return "resolved";
  return is_silent(alert, then.silences) ? "silent" : "open";
}

JsonValue channel_document(const ChannelSpec& channel, const std::vector<ChannelState>& states) {
  const auto state = std::find_if(states.begin(), states.end(), [&](const ChannelState& one) {
    return one.channel == channel.name.value;
  });
  const ChannelState known = state == states.end() ? ChannelState{} : *state;
  JsonValue json;
  json.set("name", channel.name.value).set("kind", to_string(channel.kind));
  json.set("waiting", known.waiting).set("attempts", known.attempts);
  return json.set("last_error", known.last_error.empty() ? JsonValue() : known.last_error);
}

struct Listed {
  AlertsThen then;
  std::vector<ChannelState> states;
};

JsonValue document_of(const Listed& listed, const std::vector<ChannelSpec>& channels) {
  JsonArray alerts;
  for (const AlertRecord& alert : listed.then.alerts)
    alerts.push_back(alert_document(alert, listed.then.silences));
  JsonArray silences;
  for (const SilenceRecord& silence : listed.then.silences)
    silences.push_back(silence_document(silence));
  JsonArray ways;
  for (const ChannelSpec& channel : channels)
    ways.push_back(channel_document(channel, listed.states));
  JsonValue json;
  json.set("alerts", std::move(alerts)).set("alerts_total", listed.then.total);
  json.set("silences", std::move(silences));
  return json.set("channels", std::move(ways));
}

std::string text_of(const Listed& listed) {
  TextTable alerts{{"id", "severity", "rule", "of", "state", "since", "text"}, {}, {}};
  for (const AlertRecord& alert : listed.then.alerts) {
    alerts.rows.push_back({alert.id, alert.severity, alert.rule, alert.subject,
                           state_of(alert, listed.then), second_of(alert.since), alert.text});
  }
  TextTable silences{{"silence", "rule", "of", "until", "by", "reason"}, {}, {}};
  for (const SilenceRecord& silence : listed.then.silences) {
    std::string of = silence.subject;
    if (!silence.job.empty()) of += (of.empty() ? "" : ", ") + ("jobs " + silence.job);
    silences.rows.push_back({silence.id, silence.rule, of.empty() ? "all" : of,
                             second_of(silence.until), silence.made_by, silence.reason});
  }
  std::string text = alerts.rows.empty() ? "no alerts\n" : print_table(alerts);
  const std::int64_t hidden = listed.then.total - std::ssize(listed.then.alerts);
  if (hidden > 0) text += "and " + std::to_string(hidden) + " more: `--limit` shows them\n";
  if (!silences.rows.empty()) text += "\n" + print_table(silences);
  for (const ChannelState& state : listed.states) {
    if (state.attempts == 0) continue;
    text += "\nchannel " + state.channel + ": " + std::to_string(state.waiting) +
            " wait to be sent, tried " + std::to_string(state.attempts) +
            " times: " + state.last_error + "\n";
  }
  return text;
}

// Rules are found by patterns, one alert by its id.
Result<SilenceRecord> silence_of(AlertTable& table, const CommandLine& line) {
  SilenceRecord silence;
  silence.rule = line.names.front();
  silence.job = line.alert_job;
  silence.reason = line.reason;
  silence.made_by = this_user();
  const auto alert = table.find(silence.rule);
  if (alert.ok()) {
    silence.rule = alert->rule;
    silence.subject = alert->subject;
  } else if (alert.error().code != "alert.unknown") {
    return alert.error();
  }
  return silence;
}

// So that the alert that they are down does not wait for the next message.
Status note_up(const Call& call, const Workspace& workspace,
               const std::vector<std::string>& channels) {
  if (channels.empty() || !workspace.has_store()) return {};
  TM_TRY(const auto database, open_store(call, workspace));
  StoreBoard board(*database, workspace.project().alerts, this_process());
  for (const std::string& channel : channels)
    TM_CHECK(board.channel_is_up(channel));
  return {};
}

Result<std::vector<const ChannelSpec*>> channels_named(const Call& call, const AlertSpec& spec) {
  if (spec.channels.empty()) {
    return user_error("alert.no_channels", "the project has no channels",
                      "write `alerts: {channels: {...}}` in tidemark.yaml: see docs/alerts.md");
  }
  std::vector<const ChannelSpec*> channels;
  std::vector<std::string> names;
  for (const ChannelSpec& channel : spec.channels) {
    names.push_back(channel.name.value);
    if (call.line.names.empty() || call.line.names.front() == channel.name.value)
      channels.push_back(&channel);
  }
  if (!channels.empty()) return channels;
  const auto near = nearest_word(call.line.names.front(), names);
  return user_error("alert.unknown_channel",
                    "there is no channel `" + call.line.names.front() + "`",
                    near ? "did you mean `" + *near + "`?" : "tidemark.yaml lists the channels");
}

}  // namespace

int list_alerts(const Call& call) {
  auto outcome = [&]() -> Result<int> {
    TM_TRY(auto workspace, open_good(call));
    Listed listed;
    if (workspace->has_store()) {
      TM_TRY(const auto database, open_store(call, *workspace));
      AlertTable table(*database);
      TM_TRY(listed.then, table.list({call.line.all, call.line.limit}));
      TM_TRY(listed.states, table.channel_states());
    }
    if (call.line.json) {
      call.print_json(document_of(listed, workspace->project().alerts.channels));
    } else {
      call.print(text_of(listed));
    }
    return exit_done;
  }();
  return outcome.ok() ? *outcome : fail(call, outcome.error());
}

int show_alert(const Call& call) {
  auto outcome = [&]() -> Result<int> {
    TM_TRY(auto workspace, open_good(call));
    TM_TRY(const auto database, open_store(call, *workspace));
    AlertTable table(*database);
    TM_TRY(const AlertRecord alert, table.find(call.line.names.front()));
    TM_TRY(const AlertsThen then, table.open());
    if (call.line.json) {
      call.print_json(alert_document(alert, then.silences));
      return exit_done;
    }
    std::string text = alert.severity + ": " + alert.text + "\n";
    text += "  " + alert.rule + " of " + alert.subject + ", " + state_of(alert, then) + "\n";
    text += "  since     " + second_of(alert.since) + "\n";
    text += "  opened    " + second_of(alert.opened_at) + "\n";
    if (alert.resolved_at) text += "  resolved  " + second_of(*alert.resolved_at) + "\n";
    if (!alert.run.empty()) text += "  run       " + alert.run + "\n";
    if (!alert.server.empty()) text += "  server    " + describe_process(alert.server) + "\n";
    if (!alert.hint.empty()) text += "  what to do: " + alert.hint + "\n";
    if (!alert.runbook.empty()) text += "  runbook   docs/runbooks/" + alert.runbook + "\n";
    call.print(text);
    return exit_done;
  }();
  return outcome.ok() ? *outcome : fail(call, outcome.error());
}

int silence_alerts(const Call& call) {
  auto outcome = [&]() -> Result<int> {
    TM_TRY(auto workspace, open_good(call));
    TM_TRY(const auto database, open_store(call, *workspace));
    AlertTable table(*database);
    TM_TRY(SilenceRecord wanted, silence_of(table, call.line));
    const std::string on = wanted.rule;
    TM_TRY(const SilenceRecord made,
           table.silence(std::move(wanted), call.line.lasts, deed_of("alert.silence", on)));
    if (call.line.json) {
      call.print_json(silence_document(made));
      return exit_done;
    }
    TM_TRY(const AlertsThen then, table.open());
    const auto open =
        std::count_if(then.alerts.begin(), then.alerts.end(),
                      [&](const AlertRecord& alert) { return is_silent(alert, {made}); });
    call.print("silence " + made.id + " until " + second_of(made.until) + "; " +
               std::to_string(open) + (open == 1 ? " open alert is" : " open alerts are") +
               " silent by it now\n");
    return exit_done;
  }();
  return outcome.ok() ? *outcome : fail(call, outcome.error());
}

int unsilence_alerts(const Call& call) {
  auto outcome = [&]() -> Result<int> {
    TM_TRY(auto workspace, open_good(call));
    TM_TRY(const auto database, open_store(call, *workspace));
    const std::string& id = call.line.names.front();
    TM_TRY(const SilenceRecord ended,
           AlertTable(*database).unsilence(id, deed_of("alert.unsilence", id)));
    if (call.line.json) {
      call.print_json(silence_document(ended));
    } else {
      call.print("silence " + id + " has ended: what is open is told within two minutes\n");
    }
    return exit_done;
  }();
  return outcome.ok() ? *outcome : fail(call, outcome.error());
}

int test_channels(const Call& call) {
  auto outcome = [&]() -> Result<int> {
    TM_TRY(auto workspace, open_good(call));
    TM_TRY(const auto channels, channels_named(call, workspace->project().alerts));
    const AlertMessage message =
        test_message(project_name(workspace->project()), call.around.clock.now_utc());
    JsonArray documents;
    std::string text;
    bool all_good = true;
    std::vector<std::string> up;
    for (const ChannelSpec* const channel : channels) {
      auto made = make_channel(*channel, call.around.clock);
      const Status sent = made.ok() ? (*made)->send(message, call.cancel) : Status(made.error());
      TM_CHECK(call.cancel.check());
      all_good = all_good && sent.ok();
      if (sent.ok()) up.push_back(channel->name.value);
      JsonValue json;
      json.set("channel", channel->name.value).set("kind", to_string(channel->kind));
      json.set("sent", sent.ok());
      json.set("message", sent.ok() ? JsonValue() : JsonValue(sent.error().describe()));
      json.set("hint", sent.ok() ? JsonValue() : JsonValue(sent.error().hint));
      documents.push_back(std::move(json));
      text += channel->name.value + ": " + (sent.ok() ? "sent" : sent.error().describe()) + "\n";
      if (!sent.ok() && !sent.error().hint.empty()) text += "  " + sent.error().hint + "\n";
    }
    if (call.line.json) {
      call.print_json(documents);
    } else {
      call.print(text);
    }
    TM_CHECK(note_up(call, *workspace, up));
    return all_good ? exit_done : exit_failed;
  }();
  return outcome.ok() ? *outcome : fail(call, outcome.error());
}

}  // namespace tidemark
