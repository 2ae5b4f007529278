#include "env/files.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <iterator>

namespace tidemark {
namespace {

namespace fs = std::filesystem;

class FilesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "tidemark-files-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    dir_ = name;
  }
  void TearDown() override { fs::remove_all(dir_); }
  std::ptrdiff_t entries() const {
    return std::distance(fs::directory_iterator(dir_), fs::directory_iterator());
  }

  fs::path dir_;
  SystemFiles files_;
};

TEST_F(FilesTest, WritesAndReplacesWhole) {
  fs::path path = dir_ / "a.json";
  ASSERT_TRUE(files_.write_durably(path, "first").ok());
  ASSERT_TRUE(files_.write_durably(path, std::string(100'000, 'x')).ok());
  EXPECT_EQ(files_.read(path, 1 << 20)->size(), 100'000u);
  ASSERT_TRUE(files_.write_durably(path, "").ok());
  EXPECT_EQ(*files_.read(path, 10), "");
  EXPECT_EQ(entries(), 1);
}

TEST_F(FilesTest, ReadRefusesMoreThanTheLimit) {
  ASSERT_TRUE(files_.write_durably(dir_ / "a", "12345").ok());
  EXPECT_TRUE(files_.read(dir_ / "a", 5).ok());
  EXPECT_EQ(files_.read(dir_ / "a", 4).error().code, "env.file_too_large");
  EXPECT_EQ(files_.read(dir_ / "b", 4).error().code, "env.not_found");
}

TEST_F(FilesTest, RenamesAndMakesFolders) {
  ASSERT_TRUE(files_.make_dirs_durably(dir_ / "x/y/z").ok());
  ASSERT_TRUE(files_.make_dirs_durably(dir_ / "x/y/z").ok());
  ASSERT_TRUE(files_.write_durably(dir_ / "a", "1").ok());
  ASSERT_TRUE(files_.rename_durably(dir_ / "a", dir_ / "x/y/z/b").ok());
  ASSERT_TRUE(files_.sync_file(dir_ / "x/y/z/b").ok());
  EXPECT_EQ(*files_.read(dir_ / "x/y/z/b", 10), "1");
  EXPECT_EQ(files_.rename_durably(dir_ / "a", dir_ / "c").error().code, "env.not_found");
  EXPECT_FALSE(files_.make_dirs_durably(dir_ / "x/y/z/b/c").ok());
  EXPECT_FALSE(files_.make_dirs_durably(dir_ / "x/y/z/b").ok());
}

TEST(FileError, IsClassifiedByErrno) {
  Error full = file_error("write", "/proc/self/nothing", ENOSPC);
  EXPECT_EQ(full.code, "env.disk_full");
  EXPECT_EQ(full.retry, Retry::backoff);
  EXPECT_NE(full.hint.find("/proc"), std::string::npos) << full.hint;
  EXPECT_EQ(file_error("write", "/", EDQUOT).code, "env.disk_full");
  EXPECT_EQ(file_error("write", "/", EACCES).code, "env.no_permission");
  EXPECT_EQ(file_error("write", "/", EROFS).code, "env.read_only");
  EXPECT_EQ(file_error("write", "/", EIO).code, "env.io_failed");
}

TEST_F(FilesTest, AFullVolumeLeavesTheOldContent) {
  if (::mount("tmpfs", dir_.c_str(), "tmpfs", 0, "size=64k") != 0) GTEST_SKIP() << "may not mount";
  ASSERT_TRUE(files_.write_durably(dir_ / "a", "old").ok());
  Status written = files_.write_durably(dir_ / "a", std::string(1 << 20, 'x'));
  EXPECT_FALSE(written.ok());
  if (!written.ok()) {
    EXPECT_EQ(written.error().code, "env.disk_full");
    EXPECT_NE(written.error().hint.find(dir_.string()), std::string::npos) << written.error().hint;
  }
  EXPECT_EQ(*files_.read(dir_ / "a", 10), "old");
  const Error vague = internal_error("engine.io", "it failed");
  EXPECT_EQ(or_disk_full(vague, dir_).code, "env.disk_full");
  EXPECT_EQ(or_disk_full(vague, dir_.parent_path()).code, "engine.io");
  EXPECT_EQ(entries(), 1);
  EXPECT_EQ(::umount(dir_.c_str()), 0);
}

TEST_F(FilesTest, AFileSizeLimitLeavesTheOldContent) {
  ASSERT_TRUE(files_.write_durably(dir_ / "a", "old").ok());
  pid_t child = ::fork();
  if (child == 0) {
    ::signal(SIGXFSZ, SIG_IGN);
    struct rlimit limit{1000, 1000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    Status written = files_.write_durably(dir_ / "a", std::string(10'000, 'x'));
    ::_exit(!written.ok() && written.error().code == "env.file_too_large" ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(*files_.read(dir_ / "a", 10), "old");
  EXPECT_EQ(entries(), 1);
}

}  // namespace
}  // namespace tidemark
