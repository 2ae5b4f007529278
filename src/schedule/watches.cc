#include "schedule/watches.h"

#include <algorithm>
#include <set>
#include <utility>

namespace tidemark {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// A job of `missed: skip` takes for missed what it has not looked at for longer.
constexpr seconds away_after{60};
// So often it is said that somebody is there.
constexpr seconds says_every{20};
constexpr const char* untold = "untold:";

std::set<std::string_view> words_of(std::string_view text) {
  std::set<std::string_view> words;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find(' ', at), text.size());
    if (end > at) words.insert(text.substr(at, end - at));
    at = end + 1;
  }
  return words;
}

// Of the sign of a table, what was counted: which transactions are open meanwhile changes all the
// time and says nothing of the table.
std::string_view counted(std::string_view sign) {
  return sign.substr(0, sign.find(';'));
}

milliseconds between(UtcMicros from, UtcMicros to) {
  return milliseconds((to.get() - from.get()) / 1000);
}

}  // namespace

bool has_news(std::string_view before, std::string_view now) {
  const std::set<std::string_view> known = words_of(before);
  const std::set<std::string_view> words = words_of(now);
  return !std::includes(known.begin(), known.end(), words.begin(), words.end());
}

std::string untold_sign(const WhenSpec& when, UtcMicros at) {
  const std::int64_t distance = std::chrono::microseconds(when.check).count();
  return untold + std::to_string(at.get() / distance);
}

Result<bool> may_run_at(const ScheduleSpec& schedule, UtcMicros at) {
  ScheduleSpec each_second = schedule;
  each_second.every = seconds(1);
  each_second.on_day_off = OnDayOff::skip;
  TM_TRY(const auto times, JobTimes::of(each_second));
  const UtcMicros second(at.get() - at.get() % 1'000'000);
  return times->after(UtcMicros(second.get() - 1)) == second;
}

void Watches::set(const std::vector<std::shared_ptr<const JobSpec>>& jobs) {
  std::map<std::string, Thing> before = std::exchange(things_, {});
  for (const auto& job : jobs) {
    if (!job->enabled || !job->schedule.when) continue;
    const WhenSpec& when = *job->schedule.when;
    const std::string watched = to_text(when);
    const auto [thing, is_new] = things_.try_emplace(watched);
    Thing& one = thing->second;
    if (is_new) {
      const auto known = before.find(watched);
      if (known != before.end()) {
        one = std::move(known->second);
      } else {
        one.next = Nanos::min();
      }
      one.look = {when, {}};
      one.check = when.check;
      one.settle = milliseconds(0);
    }
    one.look.jobs.push_back(job->name);
    one.check = std::min(one.check, when.check);
    if (when.settle.count() > 0 && (one.settle.count() == 0 || when.settle < one.settle))
      one.settle = when.settle;
  }
}

std::vector<Look> Watches::due(Nanos now) {
  std::vector<Look> found;
  for (auto& [watched, thing] : things_) {
    if (!thing.next || *thing.next > now) continue;
    thing.next.reset();
    found.push_back(thing.look);
  }
  return found;
}

void Watches::seen(const std::string& watched, const std::string& sign, Nanos now) {
  const auto found = things_.find(watched);
  if (found == things_.end()) return;
  Thing& thing = found->second;
  thing.why_not.clear();
  milliseconds wait = thing.check;
  const bool same = thing.sign && counted(*thing.sign) == counted(sign);
  thing.sign = sign;
  if (!same) {
    thing.since = now;
    if (thing.settle.count() > 0) wait = std::min(wait, thing.settle);
  }
  thing.next = now + wait;
}

void Watches::failed(const std::string& watched, const Error& error, Nanos now) {
  put_off(watched, now);
  const auto found = things_.find(watched);
  if (found != things_.end()) found->second.why_not = error.message;
}

void Watches::put_off(const std::string& watched, Nanos now) {
  const auto found = things_.find(watched);
  if (found != things_.end()) found->second.next = now + found->second.check;
}

std::string Watches::why_not(const std::string& watched) const {
  const auto found = things_.find(watched);
  return found == things_.end() ? std::string() : found->second.why_not;
}

std::vector<std::pair<JobName, std::string>> Watches::unseen() const {
  std::vector<std::pair<JobName, std::string>> found;
  for (const auto& [watched, thing] : things_) {
    if (thing.why_not.empty()) continue;
    for (const JobName& job : thing.look.jobs)
      found.emplace_back(job, thing.why_not);
  }
  return found;
}

std::vector<JobName> Watches::jobs_of(const std::string& watched) const {
  const auto found = things_.find(watched);
  return found == things_.end() ? std::vector<JobName>() : found->second.look.jobs;
}

bool Watches::says_that_it_looks(const JobSpec& job, const SeenChange& known, UtcMicros asked_at,
                                 UtcMicros at) {
  const ScheduleSpec& schedule = job.schedule;
  return schedule.missed == Missed::skip && known.watched == to_text(*schedule.when) &&
         between(known.seen_at, at) > says_every &&
         between(known.seen_at, asked_at) <= away_after + 2 * schedule.when->check;
}

Follow Watches::follow(const JobSpec& job, const std::optional<SeenChange>& known,
                       const std::string& sign, UtcMicros asked_at, Nanos now) const {
  const ScheduleSpec& schedule = job.schedule;
  const std::string watched = to_text(*schedule.when);
  const bool is_known = known && known->watched == watched;
  const milliseconds away = is_known ? between(known->seen_at, asked_at) : milliseconds(0);
  const bool skips = schedule.missed == Missed::skip;
  const bool was_gone = skips && away > away_after + 2 * schedule.when->check;
  if (is_known && known->sign == sign) return was_gone ? Follow::note : Follow::nothing;
  const auto thing = things_.find(watched);
  const bool settled =
      sign.starts_with(untold) ||
      (thing != things_.end() && now - thing->second.since >= Nanos(schedule.when->settle));
  const bool was_away = was_gone || (skips && !is_known);
  if (was_away || !has_news(is_known ? known->sign : std::string(), sign)) return Follow::note;
  return settled ? Follow::fire : Follow::nothing;
}

}  // namespace tidemark
