// The floor of large binary tensors: the body that came is sent back, without a copy between.
#include "serve/floor/beast_server.h"

int main(int argc, char** argv) {
  const auto answer = [](std::string&& request, std::string& response) { response = std::move(request); };
  return triune::bench::RunFloor(argc, argv, answer, "application/octet-stream");
}
