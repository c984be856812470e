// The main function of unit tests: as GoogleTest's, without the log lines of the code under test, unless
// TRIUNE_TEST_LOG is set.
#include <gmock/gmock.h>

#include <cstdlib>

#include "telemetry/log.h"

int main(int argc, char** argv) {
  testing::InitGoogleMock(&argc, argv);
  if (std::getenv("TRIUNE_TEST_LOG") == nullptr) {
    triune::telemetry::ConfigureLog(triune::telemetry::LogLevel::kOff, triune::telemetry::LogFormat::kText);
  }
  return RUN_ALL_TESTS();
}
