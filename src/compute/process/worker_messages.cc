#include "compute/process/worker_messages.h"

#include <optional>
#include <string>
#include <vector>

#include "compute/process/environment.h"
#include "compute/process/nested.h"
#include "compute/remote/convert.h"
#include "triune/core/actor_options.h"
#include "triune/core/detail/received_object.h"
#include "triune/core/task_options.h"

namespace triune::compute {

uint32_t SlotOfThisThread(const LinkPage& page) {
  const detail::Frame* frame = detail::current_frame;
  if (frame == nullptr || frame->stage == nullptr) return kNoSlot;
  return static_cast<uint32_t>(frame->stage - page.slots.data());
}

uint64_t HandleOf(const detail::Object& object) {
  detail::ReceivedObject* received = const_cast<detail::Object&>(object).received();
  return received == nullptr || received->origin() == nullptr ? 0 : received->origin()->handle();
}

template <typename Options>
void WriteNeeds(MessageWriter& message, const Options& options) {
  message.Put(Needs{.cpus = options.cpus, .gpus = options.gpus, .memory = options.memory});
  message.Put(static_cast<uint32_t>(options.resources.size()));
  for (const auto& [name, amount] : options.resources) {
    message.Text(name);
    message.Put(amount);
  }
  // What is relative is so to the directory here.
  message.Text(SettingOf(options.runtime_env).working_directory);
  message.Put(static_cast<uint32_t>(options.runtime_env.env_vars.size()));
  for (const auto& [name, value] : options.runtime_env.env_vars) {
    message.Text(name);
    message.Text(value);
  }
}
template void WriteNeeds(MessageWriter& message, const TaskOptions& options);
template void WriteNeeds(MessageWriter& message, const ActorOptions& options);

Status WriteArguments(MessageWriter& message, const detail::Task& task, const detail::RemoteFunction& function,
                      DriverConnection& driver) {
  const std::vector<detail::ArgumentView> arguments = task.Arguments();
  if (arguments.size() != function.parameters.size()) {
    return InvalidArgument(function.name + " is registered with another number of parameters");
  }
  detail::Encoder encoder;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const detail::ArgumentView& argument = arguments[i];
    if (const uint64_t known = argument.object == nullptr ? 0 : HandleOf(*argument.object)) {
      message.Put(ArgumentForm::kReference);
      message.Put(known);
      continue;
    }
    std::optional<detail::ObjectUse> use;
    if (argument.object != nullptr) {
      use.emplace(detail::ObjectPointer(argument.object));
      if (!use->ready()) return Internal("an argument that this process waits for is not the driver's");
      TRIUNE_RETURN_IF_ERROR(use->status());
    }
    message.Put(ArgumentForm::kValue);
    encoder.Clear();
    Status status = EncodeAs(encoder, *function.parameters[i], argument);
    if (status.ok()) status = WriteValue(message, encoder, driver);
    if (!status.ok()) return status.WithContext("argument " + std::to_string(i + 1) + " of " + task.Name());
  }
  return {};
}

}  // namespace triune::compute
