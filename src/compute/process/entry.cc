// How a program that was started for tasks gets to them: its static initialisers have run then, and its main function
// never does.
#include <dlfcn.h>
#include <unistd.h>

#include <cstdlib>

#include "compute/process/zygote.h"

namespace {

using Main = int (*)(int, char**, char**);
Main program_main = nullptr;

int MainOrTasks(int argc, char** argv, char** environment) {
  if (triune::compute::IsWorkerProcess()) _exit(triune::compute::WorkerProcessMain());
  return program_main(argc, argv, environment);
}

}  // namespace

// What every program begins with (glibc; Linux Standard Base, "__libc_start_main"). The linker takes this one for the
// program's, which hands over to the library's own.
// NOLINTNEXTLINE(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp)
extern "C" int __libc_start_main(Main main, int argc, char** argv, void (*init)(), void (*fini)(), void (*rtld_fini)(),
                                 void* stack_end) {
  using Start = int (*)(Main, int, char**, void (*)(), void (*)(), void (*)(), void*);
  auto* start = reinterpret_cast<Start>(dlsym(RTLD_NEXT, "__libc_start_main"));
  if (start == nullptr) std::abort();
  program_main = main;
  return start(&MainOrTasks, argc, argv, init, fini, rtld_fini, stack_end);
}
