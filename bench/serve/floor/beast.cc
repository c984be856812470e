// The floor of V2 JSON: the body is read and dropped, the answer is always the same.
#include "serve/floor/beast_server.h"

int main(int argc, char** argv) {
  const auto answer = [](std::string&&, std::string& response) {
    response = R"({"model_name":"iris","outputs":[{"name":"output-0","shape":[1],"datatype":"INT64","data":[0]}]})";
  };
  return triune::bench::RunFloor(argc, argv, answer, "application/json");
}
