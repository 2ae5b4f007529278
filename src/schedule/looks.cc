#include "schedule/looks.h"

#include <utility>

namespace tidemark {

Looks::~Looks() {
  stop_.request();
  {
    const std::lock_guard lock(mutex_);
    changed_.notify_all();
  }
  for (auto& [connection, thread] : threads_)
    thread.join();
}

void Looks::ask(const WhenSpec& when, std::string before) {
  const std::string& connection = when.connection.value;
  {
    const std::lock_guard lock(mutex_);
    questions_[connection].push_back({when, std::move(before)});
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
    const Question question = std::move(questions.front());
    questions.pop_front();
    lock.unlock();
    auto sign = ask_(question.when, question.before, stop_);
    lock.lock();
    answers_.push_back({to_text(question.when), std::move(sign)});
  }
}

}  // namespace tidemark
