#include "schedule/looks.h"

#include <utility>

namespace tidemark {
namespace {

// The newest sign of it that a job knows.
std::string newest_sign(const std::string& watched, const std::vector<SeenChange>& known) {
  const SeenChange* newest = nullptr;
  for (const SeenChange& one : known) {
    const bool same = one.watched == watched;
    if (same && (newest == nullptr || one.seen_at > newest->seen_at)) newest = &one;
  }
  return newest == nullptr ? std::string() : newest->sign;
}

}  // namespace

Looks::~Looks() {
  stop_.request();
  {
    const std::lock_guard lock(mutex_);
    changed_.notify_all();
  }
  for (auto& [connection, thread] : threads_)
    thread.join();
}

void Looks::ask(const WhenSpec& when, std::vector<SeenChange> known, UtcMicros at) {
  const std::string& connection = when.connection.value;
  {
    const std::lock_guard lock(mutex_);
    questions_[connection].push_back({when, std::move(known), at});
    changed_.notify_all();
  }
  if (!threads_.contains(connection))
    threads_.emplace(connection, std::thread([this, connection] { work(connection); }));
}

std::vector<Looks::Answer> Looks::take() {
  const std::lock_guard lock(mutex_);
  return std::exchange(answers_, {});
}

void Looks::work(const std::string& connection) {
  std::unique_lock lock(mutex_);
  std::deque<Question>& questions = questions_[connection];
  while (true) {
    changed_.wait(lock, [&] { return stop_.requested() || !questions.empty(); });
    if (stop_.requested()) return;
    Question question = std::move(questions.front());
    questions.pop_front();
    lock.unlock();
    std::string watched = to_text(question.when);
    auto sign = ask_(question.when, newest_sign(watched, question.known), stop_);
    lock.lock();
    answers_.push_back(
        {std::move(watched), std::move(sign), std::move(question.known), question.at});
  }
}

}  // namespace tidemark
