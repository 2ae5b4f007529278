#include "connect/watermark_memory.h"

#include <gtest/gtest.h>

namespace tidemark {
namespace {

TEST(WatermarkMemory, ItGoesThroughTextAndBelongsToWhatItWasKeptFor) {
  WatermarkMemory memory;
  memory.clock = "10:02";
  memory.ring.add("10:01", {});
  memory.ring.add("10:02", {{"a"}, {}});
  const std::string text = memory.text("server \"one\"");
  const WatermarkMemory again = WatermarkMemory::parse(text, "server \"one\"");
  EXPECT_EQ(again.clock, "10:02");
  EXPECT_EQ(again.ring.settled(), "10:01");
  EXPECT_EQ(again.text("server \"one\""), text);
  EXPECT_EQ(WatermarkMemory::parse(text, "another").clock, "");
  EXPECT_EQ(WatermarkMemory::parse(text, "another").ring.settled(), std::nullopt);
}

TEST(WatermarkMemory, ATextThatIsNoneIsAsGoodAsLost) {
  for (const char* text :
       {"", "mysql samples 1 server\nreleased x\n", R"({"of":"s","clock":"1"})"}) {
    EXPECT_EQ(WatermarkMemory::parse(text, "s").clock, "") << text;
    EXPECT_EQ(WatermarkMemory::parse(text, "s").ring.settled(), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace tidemark
