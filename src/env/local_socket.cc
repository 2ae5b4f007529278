#include "env/local_socket.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <utility>

namespace tidemark {

namespace {

constexpr std::size_t head_bytes = 5;
constexpr std::uint32_t frame_bytes_max = 16U << 20U;

Error failed(const std::string& what, const std::filesystem::path& path) {
  return internal_error("io.socket", what + " " + path.string() + ": " + std::strerror(errno));
}

Error peer_gone() {
  return internal_error("io.peer_gone", "the other process has closed the connection");
}

// A socket's address has room for 107 bytes, a folder's path may be longer: it is named by an open
// descriptor of the folder.
class Address {
 public:
  static Result<Address> of(const std::filesystem::path& path) {
    const std::filesystem::path folder = path.has_parent_path() ? path.parent_path() : ".";
    const int descriptor = ::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) return failed("cannot open the folder of", path);
    Address address(descriptor);
    const std::string name =
        "/proc/self/fd/" + std::to_string(descriptor) + "/" + path.filename().string();
    if (name.size() >= sizeof(address.address_.sun_path))
      return internal_error("io.socket", "the name of the socket is too long: " + path.string());
    name.copy(static_cast<char*>(address.address_.sun_path), name.size());
    return address;
  }
  Address(Address&& other) noexcept
      : folder_(std::exchange(other.folder_, -1)), address_(other.address_) {}
  Address& operator=(Address&&) = delete;
  ~Address() {
    if (folder_ >= 0) ::close(folder_);
  }

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&address_); }
  static socklen_t size() { return sizeof(sockaddr_un); }

 private:
  explicit Address(int folder) : folder_(folder) { address_.sun_family = AF_UNIX; }
  int folder_;
  sockaddr_un address_{};
};

int new_socket() {
  return ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

// Whether there is something to read within `wait`; also an end.
bool readable(int descriptor, std::chrono::milliseconds wait) {
  pollfd asked{descriptor, POLLIN, 0};
  return ::poll(&asked, 1, static_cast<int>(wait.count())) > 0;
}

}  // namespace

LocalChannel::LocalChannel(int descriptor) : descriptor_(descriptor) {}

LocalChannel::~LocalChannel() {
  ::close(descriptor_);
}

Result<std::unique_ptr<LocalChannel>> LocalChannel::connect(const std::filesystem::path& path) {
  std::error_code code;
  if (!std::filesystem::is_socket(path, code)) return std::unique_ptr<LocalChannel>();
  TM_TRY(const Address address, Address::of(path));
  const int descriptor = new_socket();
  if (descriptor < 0) return failed("cannot make a socket for", path);
  auto channel = std::make_unique<LocalChannel>(descriptor);
  if (::connect(descriptor, address.get(), Address::size()) == 0) return channel;
  if (errno == ECONNREFUSED || errno == ENOENT) return std::unique_ptr<LocalChannel>();
  return failed("cannot connect to", path);
}

Status LocalChannel::send(char kind, std::string_view bytes) {
  if (bytes.size() > frame_bytes_max) {
    while (!bytes.empty()) {
      TM_CHECK(send(kind, bytes.substr(0, frame_bytes_max)));
      bytes.remove_prefix(std::min<std::size_t>(bytes.size(), frame_bytes_max));
    }
    return {};
  }
  const auto size = static_cast<std::uint32_t>(bytes.size());
  std::string whole(head_bytes, '\0');
  whole[0] = kind;
  std::memcpy(whole.data() + 1, &size, sizeof size);  // one machine, one byte order
  whole += bytes;
  const std::lock_guard lock(sending_);
  for (std::string_view rest = whole; !rest.empty();) {
    const ssize_t sent = ::send(descriptor_, rest.data(), rest.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return peer_gone();
    rest.remove_prefix(static_cast<std::size_t>(sent));
  }
  return {};
}

void LocalChannel::shut() {
  ::shutdown(descriptor_, SHUT_RDWR);
}

Result<std::optional<Frame>> LocalChannel::receive(std::chrono::milliseconds wait) {
  while (true) {
    if (received_.size() >= head_bytes) {
      std::uint32_t size = 0;
      std::memcpy(&size, received_.data() + 1, sizeof size);
      if (size > frame_bytes_max)
        return internal_error("io.bad_frame", "what came over the socket is no frame");
      if (received_.size() >= head_bytes + size) {
        Frame frame{received_[0], received_.substr(head_bytes, size)};
        received_.erase(0, head_bytes + size);
        return std::optional(std::move(frame));
      }
    }
    if (!readable(descriptor_, wait)) return std::optional<Frame>();
    std::array<char, 65536> buffer{};
    const ssize_t got = ::recv(descriptor_, buffer.data(), buffer.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return peer_gone();
    received_.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

LocalListener::LocalListener(int descriptor, std::filesystem::path path)
    : descriptor_(descriptor), path_(std::move(path)) {}

Result<std::unique_ptr<LocalListener>> LocalListener::listen(const std::filesystem::path& path) {
  TM_TRY(const Address address, Address::of(path));
  ::unlink(path.c_str());
  const int descriptor = new_socket();
  if (descriptor < 0) return failed("cannot make a socket for", path);
  std::unique_ptr<LocalListener> listener(new LocalListener(descriptor, path));
  // Before it has a name its mode is set, so it is open to nobody else at any moment.
  ::fchmod(descriptor, S_IRUSR | S_IWUSR);
  if (::bind(descriptor, address.get(), Address::size()) != 0)
    return failed("cannot make the socket", path);
  if (::chmod(path.c_str(), S_IRUSR | S_IWUSR) != 0 || ::listen(descriptor, 64) != 0)
    return failed("cannot listen on", path);
  return listener;
}

LocalListener::~LocalListener() {
  ::unlink(path_.c_str());
  ::close(descriptor_);
}

Result<std::unique_ptr<LocalChannel>> LocalListener::accept(std::chrono::milliseconds wait) {
  if (!readable(descriptor_, wait)) return std::unique_ptr<LocalChannel>();
  const int descriptor = ::accept4(descriptor_, nullptr, nullptr, SOCK_CLOEXEC);
  if (descriptor < 0) {
    if (errno == EINTR || errno == ECONNABORTED || errno == EAGAIN)
      return std::unique_ptr<LocalChannel>();
    return failed("cannot accept on", path_);
  }
  return std::make_unique<LocalChannel>(descriptor);
}

}  // namespace tidemark
