#include "connect/placed_position.h"

#include <gtest/gtest.h>

namespace tidemark {
namespace {

TEST(PlacedPosition, IsReadAsItWasWritten) {
  for (const char* value : {"2026-11-22 05:00:00.1+00", "754:760:755", "a@b"}) {
    const PlacedPosition read = parse_placed(position_at(value, "7710/1/16441"));
    EXPECT_EQ(read.value, value);
    EXPECT_EQ(read.place, "7710/1/16441");
  }
}

TEST(PlacedPosition, WhatNamesNoPlaceIsAValue) {
  for (const char* text : {"", "42", "a@", R"([{"path":"a@b.csv"}])", "x@ y"}) {
    const PlacedPosition read = parse_placed(Position{text});
    EXPECT_EQ(read.value, text);
    EXPECT_EQ(read.place, std::nullopt);
  }
}

}  // namespace
}  // namespace tidemark
