#include "serve/load/connection.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>

#include "base/strings.h"

namespace triune::bench {

Result<int> ConnectTo(const std::string& ipv4_address, uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  if (inet_pton(AF_INET, ipv4_address.c_str(), &address.sin_addr) != 1) {
    return InvalidArgument("not an IPv4 address: " + ipv4_address);
  }
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return Internal(StrCat("socket: ", std::strerror(errno)));
  const int one = 1;
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) != 0 || fcntl(fd, F_SETFL, O_NONBLOCK) != 0) {
    const Status status =
        Unavailable(StrCat("cannot connect to ", ipv4_address, ":", port, ": ", std::strerror(errno)));
    close(fd);
    return status;
  }
  return fd;
}

}  // namespace triune::bench
