#include "access/key_ring.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <utility>

#include "env/own_dir.h"

namespace tidemark {
namespace {

constexpr std::int64_t file_bytes_max = 64 * 1024;
constexpr std::string_view blanks = " \t\r\n,";
constexpr const char* first_line =
    "# The keys of Tidemark's stored secrets: the first seals, all open. Keep a copy elsewhere.\n";

class Descriptor {
 public:
  explicit Descriptor(int descriptor) : descriptor_(descriptor) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  int get() const { return descriptor_; }

 private:
  int descriptor_;
};

Status check_owner(const std::filesystem::path& file) {
  struct stat found{};
  if (::stat(file.c_str(), &found) != 0) return file_error("look at", file, errno);
  if ((found.st_mode & (S_IRWXG | S_IRWXO)) == 0) return {};
  return user_error("secret.open_key",
                    "the key in " + file.string() + " may be read or written by others",
                    "let its owner alone: chmod 600 " + file.string() +
                        "; if others had it, also `tidemark secret rotate`");
}

Status write_all(int descriptor, std::string_view bytes, const std::filesystem::path& file) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return file_error("write", file, errno);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

}  // namespace

Result<KeyRing> KeyRing::parse(std::string_view text, const std::string& where) {
  std::vector<Key> keys;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find_first_of(blanks), text.size());
    if (text.front() == '#') {
      text.remove_prefix(std::min(text.find('\n'), text.size()));
      continue;
    }
    if (end > 0) {
      auto key = Key::of_hex(text.substr(0, end));
      if (!key) {
        return user_error("secret.bad_key", "what stands in " + where + " is no key",
                          "a key is 64 hexadecimal digits, as `openssl rand -hex 32` prints them");
      }
      keys.push_back(*std::move(key));
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return KeyRing(std::move(keys));
}

const Key* KeyRing::find(std::string_view id) const {
  const auto found =
      std::find_if(keys_.begin(), keys_.end(), [&](const Key& key) { return key.id() == id; });
  return found == keys_.end() ? nullptr : &*found;
}

std::string KeyRing::ids() const {
  std::string ids;
  for (const Key& key : keys_)
    ids += (ids.empty() ? "" : ", ") + key.id();
  return ids;
}

void KeyRing::exchange() {
  std::vector<Key> keys;
  keys.push_back(Key::random());
  if (!keys_.empty()) keys.push_back(std::move(keys_.front()));
  keys_ = std::move(keys);
}

Secret KeyRing::text() const {
  std::string text;
  // It is never moved to other memory with keys in it.
  text.reserve(std::string_view(first_line).size() + keys_.size() * (2 * Key::size + 1));
  text = first_line;
  for (const Key& key : keys_)
    text += key.hex().reveal() + "\n";
  return Secret(std::move(text));
}

std::string KeyRingFile::where() const {
  return is_file() ? place_.file.string() : "the environment variable " + place_.env;
}

Result<KeyRing> KeyRingFile::read() const {
  if (!is_file()) {
    const char* const value = std::getenv(place_.env.c_str());
    return KeyRing::parse(value == nullptr ? "" : value, where());
  }
  std::error_code code;
  if (!std::filesystem::exists(place_.file, code)) return KeyRing({});
  TM_CHECK(check_owner(place_.file));
  TM_TRY(std::string text, files_.read(place_.file, file_bytes_max));
  auto ring = KeyRing::parse(text, where());
  wipe(text);
  return ring;
}

Result<KeyRing> KeyRingFile::read_or_make() const {
  TM_TRY(KeyRing ring, read());
  if (!ring.empty()) return ring;
  return change([](KeyRing& now) -> Result<bool> {
    if (now.empty()) now.exchange();
    return true;
  });
}

Result<KeyRing> KeyRingFile::change(const std::function<Result<bool>(KeyRing&)>& work) const {
  if (!is_file()) {
    return user_error("secret.no_key", where() + " holds no key that can be used",
                      "set it to 64 hexadecimal digits, as `openssl rand -hex 32` prints them");
  }
  TM_CHECK(make_own_dir(files_, place_.file.parent_path()));
  const std::filesystem::path lock_file = place_.file.string() + ".lock";
  const Descriptor lock(::open(lock_file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (lock.get() < 0 || ::flock(lock.get(), LOCK_EX) != 0)
    return file_error("lock", lock_file, errno);
  TM_TRY(KeyRing ring, read());
  TM_TRY(const bool is_changed, work(ring));
  if (is_changed) TM_CHECK(write(ring));
  return ring;
}

// Nobody else may read it at any moment, so it is made with its permissions.
Status KeyRingFile::write(const KeyRing& ring) const {
  const std::filesystem::path beside = place_.file.string() + ".new";
  {
    ::unlink(beside.c_str());  // of a process that died; who holds the lock is alone
    const Descriptor file(::open(beside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (file.get() < 0) return file_error("make", beside, errno);
    TM_CHECK(write_all(file.get(), ring.text().reveal(), beside));
    if (::fsync(file.get()) != 0) return file_error("sync", beside, errno);
  }
  return files_.rename_durably(beside, place_.file);
}

}  // namespace tidemark
