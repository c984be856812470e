// Objects of the driver whose values it never looks at: they go from one process to others.
#pragma once

#include <memory>
#include <variant>
#include <vector>

#include "triune/core/detail/encoder.h"
#include "triune/core/detail/received_object.h"
#include "triune/core/detail/remote_function.h"
#include "triune/core/detail/task.h"

namespace triune::compute {

/// What a worker has put.
class StoredObject final : public detail::Object {
 public:
  explicit StoredObject(detail::StoredValue value) : value_(std::move(value)) { SetReady(); }
  const detail::StoredValue* stored() const noexcept override { return &value_; }

 private:
  ~StoredObject() override = default;
  void DropValue() noexcept override { value_ = {}; }
  detail::StoredValue value_;
};

/// What a worker has submitted.
class StoredTask final : public detail::Task {
 public:
  using Argument = std::variant<detail::StoredValue, detail::ObjectPointer>;
  StoredTask(detail::TaskRunner& runner, std::shared_ptr<const TaskOptions> options,
             const detail::RemoteFunction& function, std::vector<Argument> arguments);

  const detail::StoredValue* stored() const noexcept override { return has_value_ ? &value_ : nullptr; }
  detail::RemoteKey Remote() const override { return function_.key; }
  std::vector<detail::ArgumentView> Arguments() const override;
  bool keeps_stored() const noexcept override { return true; }
  void Store(detail::StoredValue value) override;

 private:
  ~StoredTask() override;
  void AwaitArguments() noexcept override;
  const Status* ArgumentError() const noexcept override;
  Status Invoke(bool) override { return Internal("runs in processes only"); }
  void DropArguments() noexcept override;
  void ReleaseArguments() noexcept override;
  void DropValue() noexcept override;
  bool repeatable() const noexcept override { return true; }
  std::string FunctionName() const override { return function_.name; }

  const detail::RemoteFunction& function_;
  struct Kept {
    Argument value;
    std::unique_ptr<detail::Dependency> dependency;
  };
  std::vector<Kept> arguments_;
  detail::StoredValue value_;
};

/// The decoder's pieces as they are to be kept.
detail::StoredValue Keep(const detail::Decoder& decoder, Buffer head_block,
                         std::vector<detail::ObjectPointer> references);

/// References that a worker has sent.
class ObjectReferences final : public detail::ReferenceSource {
 public:
  explicit ObjectReferences(std::vector<detail::ObjectPointer> objects) : objects_(std::move(objects)) {}
  /// The object itself, when it has a value of that type, or one that is decoded from it once it is ready.
  detail::ObjectPointer Take(uint32_t number, const detail::ObjectMaker& maker) const override;
  const std::vector<detail::ObjectPointer>& objects() const { return objects_; }

 private:
  const std::vector<detail::ObjectPointer> objects_;
};

}  // namespace triune::compute
