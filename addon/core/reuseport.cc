#include "core/reuseport.h"

#include <errno.h>
#include <linux/filter.h>
#include <sys/socket.h>

#include <vector>

#include "core/sys.h"

namespace millrace {

int bindSharing(int fd, const SocketAddress& address, Sharing sharing) {
  const auto share = [fd] { return sys::trySetInt(fd, SOL_SOCKET, SO_REUSEPORT, 1); };
  // A free port that somebody shares is no free port.
  if (sharing == Sharing::another && address.port() == 0) sharing = Sharing::first;
  if (sharing == Sharing::another) {
    if (const int error = share()) return error;
  }
  if (::bind(fd, address.get(), address.length()) < 0) return -errno;
  return sharing == Sharing::first ? share() : 0;
}

std::optional<SysError> steerByCpu(int fd, const SocketAddress& address, std::span<const uint32_t> cpus) {
  std::vector<sock_filter> program{BPF_STMT(BPF_LD | BPF_W | BPF_ABS, uint32_t(SKF_AD_OFF + SKF_AD_CPU))};
  for (size_t i = 0; i < cpus.size(); ++i) {
    program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, cpus[i], 0, 1));
    program.push_back(BPF_STMT(BPF_RET | BPF_K, uint32_t(i)));
  }
  program.push_back(BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, uint32_t(cpus.size())));
  program.push_back(BPF_STMT(BPF_RET | BPF_A, 0));
  const sock_fprog attached{uint16_t(program.size()), program.data()};
  if (::setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &attached, sizeof attached) == 0) return std::nullopt;
  return SysError{errno, "setsockopt SO_ATTACH_REUSEPORT_CBPF", address.host(), address.port()};
}

}  // namespace millrace
