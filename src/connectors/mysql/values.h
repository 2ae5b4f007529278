// The values of MySQL's binary protocol that are more than a number, as the engine holds them.
//
// Pure functions; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "drivers/mysql/connection.h"
#include "model/type.h"

namespace tidemark::mysql {

inline constexpr std::int64_t second_us = 1'000'000;
inline constexpr std::int64_t day_us = 86'400 * second_us;

// Whether it is a day of the calendar: MySQL also keeps 2024-00-00 and 2024-02-30.
bool is_day(const Moment& moment);
// Days since 1970-01-01 in the Gregorian calendar, as MySQL counts all of its dates. REQUIRES
// is_day().
std::int32_t days_of(const Moment& moment);
// Of the hours and what is below them, without the sign.
std::int64_t clock_us(const Moment& moment);
// A bit(n): its bytes come with the highest first.
std::uint64_t bits_value(std::string_view bytes);
// The scaled integer of a text like `-12.30`; nothing where it has more digits than the type.
std::optional<__int128> scaled(std::string_view text, const Type& type);
// The 128 bits of a UUID as text, with its dashes or without.
std::optional<unsigned __int128> uuid_of(std::string_view text);

}  // namespace tidemark::mysql
