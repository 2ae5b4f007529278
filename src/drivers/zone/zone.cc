#include "drivers/zone/zone.h"

#include <absl/time/civil_time.h>
#include <absl/time/time.h>

#include <chrono>
#include <utility>

namespace tidemark {
struct Zone::Data {
  absl::TimeZone zone;
};

Result<Zone> Zone::find(const std::string& name) {
  auto data = std::make_shared<Data>();
  if (absl::LoadTimeZone(name, &data->zone)) return Zone(std::move(data));
  return user_error("env.no_zone", "this machine knows no time zone `" + name + "`",
                    "write a name such as Europe/Berlin, and install the package tzdata");
}

std::int64_t Zone::offset(std::int64_t at) const {
  return data_->zone.At(absl::FromUnixSeconds(at)).offset;
}

std::int64_t Zone::shows(std::int64_t wall) const {
  const auto found = data_->zone.At(absl::CivilSecond(1970) + wall);
  const bool left_out = found.kind == absl::TimeZone::TimeInfo::SKIPPED;
  return absl::ToUnixSeconds(left_out ? found.trans : found.pre);
}

// The library names a change by what the clock shows before and after it. Of the time after it, the
// first moment is the change, or what the clock shows twice and then its second time.
std::optional<std::int64_t> Zone::change_after(std::int64_t at) const {
  absl::TimeZone::CivilTransition change;
  if (!data_->zone.NextTransition(absl::FromUnixSeconds(at), &change)) return std::nullopt;
  return absl::ToUnixSeconds(data_->zone.At(change.to).trans);
}

std::optional<std::int64_t> Zone::change_until(std::int64_t at) const {
  absl::TimeZone::CivilTransition change;
  if (!data_->zone.PrevTransition(absl::FromUnixSeconds(at + 1), &change)) return std::nullopt;
  return absl::ToUnixSeconds(data_->zone.At(change.to).trans);
}

WallMinute Zone::wall_minute(UtcMicros at) const {
  using std::chrono::floor;
  const auto utc = floor<std::chrono::seconds>(std::chrono::microseconds(at.get()));
  const std::chrono::sys_seconds wall{utc + std::chrono::seconds(offset(utc.count()))};
  const auto day = floor<std::chrono::days>(wall);
  return {static_cast<int>(std::chrono::weekday(day).iso_encoding()) - 1,
          static_cast<int>(floor<std::chrono::minutes>(wall - day).count())};
}

}  // namespace tidemark
