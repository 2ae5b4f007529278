#include "plan/load_id.h"

#include <gtest/gtest.h>

#include <set>

namespace tidemark {
namespace {

const StreamId orders{JobName("orders"), StreamName("main")};

std::string id_of(const Window& window, LoadKind kind = LoadKind::window, Seq seq = Seq(1)) {
  return load_id_of(orders, kind, seq, window_text(window));
}

TEST(LoadId, IsTheSameForTheSameWindowInEveryProcess) {
  const Window window{Position{"1"}, Position{"2"}, Position{"2"}};
  EXPECT_EQ(id_of(window), id_of(window));
  // Written down once: a ledger holds ids of earlier versions.
  EXPECT_EQ(id_of(window), "2756ca0101e569c090759cb6d6066b5c");
}

TEST(LoadId, TellsWindowsStreamsKindsAndNumbersApart) {
  const Window window{Position{"1"}, Position{"23"}, std::nullopt};
  std::set<std::string> ids{id_of(window),
                            id_of({Position{"12"}, Position{"3"}, std::nullopt}),
                            id_of({std::nullopt, Position{"23"}, std::nullopt}),
                            id_of({Position{"1"}, std::nullopt, std::nullopt}),
                            id_of(window, LoadKind::replay),
                            id_of(window, LoadKind::window, Seq(2)),
                            load_id_of({JobName("order"), StreamName("smain")}, LoadKind::window,
                                       Seq(1), window_text(window)),
                            load_id_of({JobName("orders"), StreamName("other")}, LoadKind::window,
                                       Seq(1), window_text(window))};
  EXPECT_EQ(ids.size(), 8U);
  // How far the run read is no part of a window's name: reading again may reach further.
  EXPECT_EQ(id_of(window), id_of({window.lo, window.hi, Position{"99"}}));
}

}  // namespace
}  // namespace tidemark
