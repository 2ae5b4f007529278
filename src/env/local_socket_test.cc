#include "env/local_socket.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <fstream>
#include <thread>

namespace tidemark {
namespace {

using namespace std::chrono_literals;

class LocalSocketTest : public testing::Test {
 protected:
  void SetUp() override {
    folder =
        std::filesystem::temp_directory_path() / ("tidemark-socket-" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder);
  }
  void TearDown() override { std::filesystem::remove_all(folder); }

  std::filesystem::path folder;
};

TEST_F(LocalSocketTest, FramesArriveWholeInBothDirections) {
  auto listener = LocalListener::listen(folder / "sock");
  ASSERT_TRUE(listener.ok()) << listener.error().describe();
  auto here = LocalChannel::connect(folder / "sock");
  ASSERT_TRUE(here.ok() && *here);
  auto there = (*listener)->accept(1s);
  ASSERT_TRUE(there.ok() && *there);
  const std::string large(40U << 20U, 'x');  // several frames
  std::thread sender([&] {
    EXPECT_TRUE((*here)->send('a', "").ok());
    EXPECT_TRUE((*here)->send('b', large).ok());
  });
  auto first = (*there)->receive(5s);
  ASSERT_TRUE(first.ok() && *first);
  EXPECT_EQ('a', (*first)->kind);
  EXPECT_EQ("", (*first)->bytes);
  std::string got;
  while (got.size() < large.size()) {
    auto frame = (*there)->receive(5s);
    ASSERT_TRUE(frame.ok() && *frame);
    EXPECT_EQ('b', (*frame)->kind);
    got += (*frame)->bytes;
  }
  sender.join();
  EXPECT_TRUE(got == large);
  ASSERT_TRUE((*there)->send('c', "back").ok());
  auto back = (*here)->receive(5s);
  ASSERT_TRUE(back.ok() && *back);
  EXPECT_EQ("back", (*back)->bytes);
}

TEST_F(LocalSocketTest, AnEndIsAnErrorAndSilenceIsNot) {
  auto listener = LocalListener::listen(folder / "sock");
  ASSERT_TRUE(listener.ok());
  auto nobody = (*listener)->accept(1ms);
  ASSERT_TRUE(nobody.ok());
  EXPECT_EQ(nullptr, *nobody);
  auto here = LocalChannel::connect(folder / "sock");
  auto there = (*listener)->accept(1s);
  ASSERT_TRUE(here.ok() && *here && there.ok() && *there);
  auto silence = (*there)->receive(1ms);
  ASSERT_TRUE(silence.ok());
  EXPECT_FALSE(silence->has_value());
  here->reset();
  auto end = (*there)->receive(1s);
  ASSERT_FALSE(end.ok());
  EXPECT_EQ("io.peer_gone", end.error().code);
  EXPECT_EQ("io.peer_gone", (*there)->send('a', std::string(1U << 20U, 'x')).error().code);
}

TEST_F(LocalSocketTest, OnlyItsUserMayConnect) {
  auto listener = LocalListener::listen(folder / "sock");
  ASSERT_TRUE(listener.ok());
  struct stat found{};
  ASSERT_EQ(0, ::stat((folder / "sock").c_str(), &found));
  EXPECT_EQ(0600U, found.st_mode & 0777U);
}

TEST_F(LocalSocketTest, WhereNobodyListensThereIsNoChannel) {
  auto missing = LocalChannel::connect(folder / "sock");
  ASSERT_TRUE(missing.ok());
  EXPECT_EQ(nullptr, *missing);
  std::ofstream(folder / "file") << "no socket";
  auto file = LocalChannel::connect(folder / "file");
  ASSERT_TRUE(file.ok());
  EXPECT_EQ(nullptr, *file);
  // As a process that was killed leaves it.
  const int descriptor = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string name = (folder / "left").string();
  name.copy(static_cast<char*>(address.sun_path), name.size());
  ASSERT_EQ(0, ::bind(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address));
  ::close(descriptor);
  auto left = LocalChannel::connect(folder / "left");
  ASSERT_TRUE(left.ok());
  EXPECT_EQ(nullptr, *left);
  auto again = LocalListener::listen(folder / "left");
  EXPECT_TRUE(again.ok());
}

TEST_F(LocalSocketTest, AFolderMayLieDeep) {
  std::filesystem::path deep = folder;
  for (int i = 0; i < 10; ++i)
    deep /= "a-folder-with-a-long-name";
  std::filesystem::create_directories(deep);
  auto listener = LocalListener::listen(deep / "sock");
  ASSERT_TRUE(listener.ok()) << listener.error().describe();
  auto here = LocalChannel::connect(deep / "sock");
  ASSERT_TRUE(here.ok());
  EXPECT_NE(nullptr, *here);
}

}  // namespace
}  // namespace tidemark
