#include "cli/reports.h"

#include "base/units.h"
#include "cli/text_table.h"
#include "connect/placed_position.h"

namespace tidemark {

namespace {

std::string duration_of(const RunRecord& run) {
  if (!run.ended_at) return "-";
  return show_duration(
      std::chrono::milliseconds((run.ended_at->get() - run.started_at.get()) / 1000));
}

// Positions can be long lists; a line of a report shows their beginning.
std::string short_position(const std::optional<Position>& position, const char* when_absent) {
  constexpr std::size_t shown_max = 60;
  if (!position) return when_absent;
  // Where it was taken is for the source.
  const std::string text = parse_placed(*position).value;
  return text.size() <= shown_max ? text : text.substr(0, shown_max) + "...";
}

bool is_number(const Type& type) {
  switch (type.kind) {
    case TypeKind::int8:
    case TypeKind::int16:
    case TypeKind::int32:
    case TypeKind::int64:
    case TypeKind::int128:
    case TypeKind::uint8:
    case TypeKind::uint16:
    case TypeKind::uint32:
    case TypeKind::uint64:
    case TypeKind::float32:
    case TypeKind::float64:
    case TypeKind::decimal:
      return true;
    default:
      return false;
  }
}

std::string indent(const std::string& text) {
  std::string result = "    ";
  for (const char c : text) {
    result += c;
    if (c == '\n') result += "    ";
  }
  return result;
}

}  // namespace

std::string run_line(const RunRecord& run) {
  std::string line = run.job.get() + "  " + std::string(to_string(run.status()));
  if (run.status() == RunStatus::skipped) {
    const char* why = run.kind == RunKind::replay ? "nothing to load" : "nothing new";
    return line + "  " + why + "  " + duration_of(run) + "\n";
  }
  line +=
      "  read " + show_count(run.rows_read.get()) + "  loaded " + show_count(run.rows_loaded.get());
  if (run.rows_rejected.get() > 0) line += "  refused " + show_count(run.rows_rejected.get());
  if (run.rows_deleted.get() > 0) line += "  deleted " + show_count(run.rows_deleted.get());
  return line + "  " + duration_of(run) + "  (run " + run.run.get() + ")\n";
}

std::string error_report(const RunRecord& run) {
  std::string text = run.job.get() + ": " + run.error->message + "\n";
  if (!run.error->hint.empty()) text += "  " + run.error->hint + "\n";
  return text;
}

std::string runs_report(const std::vector<RunRecord>& runs) {
  if (runs.empty()) return "no runs yet\n";
  TextTable table{
      {"run", "job", "status", "started", "took", "read", "loaded", "refused", "deleted"},
      {false, false, false, false, true, true, true, true, true},
      {}};
  for (const RunRecord& run : runs) {
    table.rows.push_back({run.run.get(), run.job.get(), std::string(to_string(run.status())),
                          to_text(run.started_at), duration_of(run),
                          show_count(run.rows_read.get()), show_count(run.rows_loaded.get()),
                          show_count(run.rows_rejected.get()), show_count(run.rows_deleted.get())});
  }
  return print_table(table);
}

std::string history_report(const RunHistory& history) {
  const RunRecord& run = history.run;
  std::string text = "run " + run.run.get() + " of job " + run.job.get() + ": " +
                     std::string(to_string(run.status())) + " (" +
                     std::string(to_string(run.state)) + ")\n";
  text += "started " + to_text(run.started_at) + ", took " + duration_of(run);
  if (run.guarantee) text += ", guarantee " + std::string(to_string(*run.guarantee));
  text += "\n\n";
  TextTable streams{
      {"stream", "seq", "state", "from", "to", "read", "loaded", "refused", "deleted", "staged"},
      {false, true, false, false, false, true, true, true, true, true},
      {}};
  for (const StreamRecord& stream : run.streams) {
    streams.rows.push_back(
        {stream.stream.get(), std::to_string(stream.seq.get()),
         std::string(to_string(stream.mark.state)),
         short_position(stream.window.lo, "the beginning"),
         short_position(stream.window.hi, "the end"), show_count(stream.counts.rows_read.get()),
         show_count(stream.counts.rows_loaded.get()), show_count(stream.counts.rows_rejected.get()),
         show_count(stream.counts.rows_deleted.get()), show_bytes(stream.counts.bytes_staged)});
  }
  if (!streams.rows.empty()) text += print_table(streams) + "\n";
  TextTable events{
      {"#", "at", "stream", "state", "message"}, {true, false, false, false, false}, {}};
  for (const EventRecord& event : history.events) {
    events.rows.push_back({std::to_string(event.number), to_text(event.at), event.stream.get(),
                           event.state_to ? std::string(to_string(*event.state_to)) : "",
                           event.message});
  }
  text += print_table(events);
  if (run.error) text += "\n" + error_report(run);
  return text;
}

namespace {

// Pieces of one text are told together.
std::string reads_report(const std::vector<Split>& splits) {
  std::string text;
  for (std::size_t at = 0; at < splits.size();) {
    std::size_t end = at + 1;
    while (end < splits.size() && splits[end].text == splits[at].text)
      ++end;
    text += indent(splits[at].text) + "\n";
    if (end - at > 1)
      text += "    in " + show_count(static_cast<std::int64_t>(end - at)) +
              " parts: " + splits[at].range + ", ..., " + splits[end - 1].range + "\n";
    at = end;
  }
  return text;
}

}  // namespace

namespace {

std::string deletes_report(const StreamPlan& stream) {
  if (!stream.deletes) return {};
  const DeletesPlan& deletes = *stream.deletes;
  const std::string& mark = stream.target.mark;
  const std::string fate = mark.empty() ? "are taken out" : "get a time in `" + mark + "`";
  std::string text;
  if (!deletes.column.empty())
    text += "  deletes  rows in which `" + deletes.column + "` is set " + fate + "\n";
  if (!deletes.sweep) return text;
  text += std::string("  sweep  ") + (deletes.sweep->due ? "due" : "not due") + ": " +
          deletes.sweep->why + "; rows that the source lacks " + fate + "\n";
  return text + reads_report(deletes.sweep->splits);
}

}  // namespace

std::string plan_report(const JobPlan& plan) {
  std::string text =
      "job " + plan.job.get() + ", guarantee " + std::string(to_string(plan.guarantee)) + "\n";
  for (const PreparedStream& prepared : plan.streams) {
    const StreamPlan& stream = prepared.plan;
    text += "\nstream " + stream.id.stream.get() + ", window " + std::to_string(stream.seq.get()) +
            "\n";
    text += "  from  " + short_position(stream.bound.window.lo, "the beginning") + "\n";
    text += "  to    " + short_position(stream.bound.window.top, "the end of the snapshot") + "\n";
    text += "  guarantee " + std::string(to_string(stream.bound.guarantee)) + ": " +
            stream.bound.reason + "\n";
    for (const std::string& note : stream.bound.notes)
      text += "  note  " + note + "\n";
    for (const DriftEntry& entry : stream.drift)
      text += "  drift  " + describe(entry.change) + ": " + entry.action + "\n";
    text += deletes_report(stream);
    if (stream.blocked) {
      text +=
          "  a run would stop: " + stream.blocked->message + "\n    " + stream.blocked->hint + "\n";
      continue;
    }
    if (stream.bound.nothing_new) {
      text += "  nothing new: a run would read no row\n";
      continue;
    }
    if (stream.bound.rows_expected)
      text += "  rows expected " + show_count(*stream.bound.rows_expected) + "\n";
    if (stream.bound.bytes_expected)
      text += "  bytes expected " + show_bytes(*stream.bound.bytes_expected) + "\n";
    text += stream.can_go_on ? "  reads (a read that dies goes on behind its last segment)\n"
                             : "  reads (a read that dies is begun again)\n";
    text += reads_report(stream.splits);
    text += "  loads into " + stream.target.table + " by " +
            std::string(to_string(stream.target.strategy));
    text += stream.load.table_exists ? "\n" : ", a new table\n";
    if (stream.load.rows_present)
      text += "  present rows " + show_count(*stream.load.rows_present) +
              (stream.target.strategy == LoadStrategy::full ? ", all are deleted\n" : "\n");
    for (const std::string& sql : stream.load.ddl)
      text += indent(sql) + "\n";
    for (const std::string& sql : stream.load.sql)
      text += indent(sql) + "\n";
    for (const std::string& note : stream.load.notes)
      text += "  note  " + note + "\n";
  }
  return text + "\nNothing was changed.\n";
}

std::string answer_report(const duck::Answer& answer) {
  TextTable table;
  for (const Column& column : answer.schema().columns) {
    table.header.push_back(column.name);
    table.right.push_back(is_number(column.type));
  }
  for (std::size_t row = 0; row < answer.rows(); ++row) {
    table.rows.emplace_back();
    for (std::size_t column = 0; column < table.header.size(); ++column) {
      table.rows.back().push_back(answer.text(row, column).value_or("NULL"));
    }
  }
  return print_table(table) + "(" + show_count(static_cast<std::int64_t>(answer.rows())) +
         (answer.rows() == 1 ? " row)\n" : " rows)\n");
}

}  // namespace tidemark
