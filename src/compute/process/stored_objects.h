// Objects of the driver whose values it never looks at: they go from one process to others.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "triune/core/detail/actor.h"
#include "triune/core/detail/encoder.h"
#include "triune/core/detail/received_object.h"
#include "triune/core/detail/remote_function.h"
#include "triune/core/detail/task.h"

namespace triune::compute {

/// What a worker has put.
class StoredObject final : public detail::Object {
 public:
  StoredObject(compute::StateBook* book, detail::StoredValue value) : value_(std::move(value)) {
    SetReady();
    if (detail::TrackObject(book, *this, -1)) word_.store(1, std::memory_order_relaxed);
  }
  const detail::StoredValue* stored() const noexcept override { return &value_; }

 private:
  ~StoredObject() override {
    if (word_.load(std::memory_order_relaxed) != 0) detail::ForgetObject(*this);
  }
  void DropValue() noexcept override { value_ = {}; }
  detail::StoredValue value_;
};

/// An argument that a worker has sent.
using StoredArgument = std::variant<detail::StoredValue, detail::ObjectPointer>;

/// What a worker has submitted, on top of `Base`: a task, the call of a method, or an actor's creation. What it returns
/// is kept as bytes.
template <typename Base>
class Stored final : public Base {
 public:
  template <typename... OfBase>
  Stored(const detail::RemoteFunction& function, std::vector<StoredArgument> arguments, OfBase&&... base)
      : Base(std::forward<OfBase>(base)...), function_(function) {
    Take(std::move(arguments));
  }

  const detail::StoredValue* stored() const noexcept override { return this->has_value_ ? &value_ : nullptr; }
  detail::RemoteKey Remote() const override { return function_.key; }
  std::vector<detail::ArgumentView> Arguments() const override;
  bool keeps_stored() const noexcept override { return true; }
  void Store(detail::StoredValue value) override;

 private:
  ~Stored() override;
  void Take(std::vector<StoredArgument> arguments);
  void AwaitArguments() noexcept override;
  const Status* ArgumentError() const noexcept override;
  /// In this process: the method of an actor that lives in it.
  Status Invoke(bool last) override;
  void DropArguments() noexcept override;
  void ReleaseArguments() noexcept override;
  void DropValue() noexcept override;
  bool repeatable() const noexcept override { return true; }
  std::string FunctionName() const override { return function_.name; }

  const detail::RemoteFunction& function_;
  struct Kept {
    StoredArgument value;
    std::unique_ptr<detail::Dependency> dependency;
  };
  std::vector<Kept> arguments_;
  detail::StoredValue value_;
};
using StoredTask = Stored<detail::Task>;
using StoredCall = Stored<detail::ActorTask>;
using StoredCreation = Stored<detail::CreationTask>;

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
