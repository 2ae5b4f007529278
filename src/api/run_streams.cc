#include "api/run_streams.h"

#include <map>
#include <utility>

#include "api/documents.h"
#include "api/problem.h"

namespace tidemark {
namespace {

std::string event_text(const char* name, std::int64_t id, const JsonValue& data) {
  return "id: " + std::to_string(id) + "\nevent: " + name + "\ndata: " + to_json(data) + "\n\n";
}

}  // namespace

RunStreams::RunStreams(SqlDatabase& store, const Clock& clock,
                       std::function<bool(const RunId&)> is_coming)
    : store_(store),
      clock_(clock),
      is_coming_(std::move(is_coming)),
      thread_([this] { watch(); }) {}

RunStreams::~RunStreams() {
  {
    const std::lock_guard lock(mutex_);
    stops_ = true;
    changed_.notify_all();
  }
  thread_.join();
  for (std::list<Stream>* list : {&come_, &streams_}) {
    for (Stream& stream : *list)
      stream.to->end();
  }
}

Status RunStreams::open(HttpExchange& exchange, HttpResponse head, const RunId& run,
                        std::int64_t after) {
  const std::lock_guard lock(mutex_);
  if (stops_ || open_ >= streams_max)
    return internal_error("api.busy", "too many streams of events are open already", Retry::backoff,
                          "ask again in a moment");
  ++open_;
  const auto now = clock_.monotonic();
  come_.push_back({exchange.stream(std::move(head)), run, after, now, now});
  changed_.notify_all();
  return {};
}

void RunStreams::watch() {
  std::unique_lock lock(mutex_);
  while (!stops_) {
    streams_.splice(streams_.end(), come_);
    open_ = streams_.size();
    if (streams_.empty()) {
      changed_.wait(lock, [&] { return stops_ || !come_.empty(); });
      continue;
    }
    lock.unlock();
    look();
    lock.lock();
    changed_.wait_for(lock, looks_every, [&] { return stops_ || !come_.empty(); });
  }
}

void RunStreams::look() {
  std::map<std::pair<RunId, std::int64_t>, Result<EventsFound>> looks;
  const auto now = clock_.monotonic();
  for (auto stream = streams_.begin(); stream != streams_.end();) {
    const std::pair key(stream->run, stream->after);
    auto found = looks.find(key);
    if (found == looks.end()) {
      found = looks.emplace(key, events_after(store_, {stream->run, stream->after})).first;
      // A store that is away is asked once in a round, and not for each of them.
      const bool is_away = !found->second.ok() && found->second.error().code != "run.unknown";
      if (is_away) return;
    }
    if (tell(*stream, found->second, now)) {
      ++stream;
      continue;
    }
    stream->to->end();
    stream = streams_.erase(stream);
  }
}

bool RunStreams::tell(Stream& stream, const Result<EventsFound>& found,
                      std::chrono::nanoseconds now) {
  if (!stream.to->is_open() || now - stream.since > length_max) return false;
  // How long a client is to wait until it comes back, in milliseconds.
  std::string text = std::exchange(stream.is_new, false) ? "retry: 2000\n\n" : "";
  bool goes_on = true;
  if (found.ok()) {
    for (const EventRecord& event : found->events) {
      text += event_text("step", event.number, event_document(event));
      stream.after = event.number;
    }
    // More than one look gives come with the next.
    const bool is_all = found->events.size() < static_cast<std::size_t>(EventsAsked().limit);
    if (found->run.ended_at && is_all) {
      text += event_text("end", stream.after, run_document(found->run));
      goes_on = false;
    }
  } else if (found.error().code == "run.unknown" && !is_coming_(stream.run)) {
    text += "event: problem\ndata: " + to_json(problem_document(found.error(), "")) + "\n\n";
    goes_on = false;
  }
  if (text.empty() && now - stream.spoke > silent_max) text = ": nothing new\n\n";
  if (text.empty()) return true;
  stream.spoke = now;
  return stream.to->send(text) && goes_on;
}

}  // namespace tidemark
