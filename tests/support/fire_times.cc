// Reads lines `zone|cron|from|to`, in seconds since 1970, and answers each with the times after
// `from` up to `to`, 500 at most, or with `fault` and what is wrong.
#include <cstdint>
#include <iostream>
#include <sstream>
#include <string>

#include "schedule/fire_times.h"

int main() {
  using namespace tidemark;
  std::ios::sync_with_stdio(false);
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string zone, expression, from, to;
    for (std::string* word : {&zone, &expression, &from, &to})
      std::getline(words, *word, '|');
    const auto cron = Cron::parse(expression);
    const auto place = Zone::find(zone);
    if (!cron.ok() || !place.ok()) {
      std::cout << "fault " << (cron.ok() ? place.error() : cron.error()).message << "\n";
      continue;
    }
    constexpr std::int64_t second_us = 1'000'000;
    const FireTimes times = FireTimes::cron(*cron, *place);
    auto next = times.after(UtcMicros(std::stoll(from) * second_us));
    for (int count = 0; count < 500 && next && next->get() <= std::stoll(to) * second_us; ++count) {
      std::cout << next->get() / second_us << " ";
      next = times.after(*next);
    }
    std::cout << "\n";
  }
}
