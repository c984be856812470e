// Objects whose values other processes have.
#pragma once

#include <memory>
#include <type_traits>
#include <typeinfo>
#include <utility>

#include "triune/core/detail/encoder.h"
#include "triune/core/detail/object.h"
#include "triune/status.h"

namespace triune::detail {

/// A cell for a value that somebody fetches and decodes.
class ReceivedObject : public Object {
 public:
  /// Where the value comes from: told when nobody needs it any more.
  class Origin {
   public:
    virtual ~Origin() = default;
    /// By which the driver knows the object; 0 in the driver itself.
    virtual uint64_t handle() const noexcept { return 0; }
  };

  void SetOrigin(std::unique_ptr<Origin> origin) noexcept { origin_ = std::move(origin); }
  Origin* origin() const noexcept { return origin_.get(); }
  ReceivedObject* received() noexcept final { return this; }
  /// How the value is decoded; null for void. Before Fill.
  void SetCodec(const ValueCodec* codec) noexcept { codec_ = codec; }
  /// Makes it ready, once: with the value that the decoder has, or with the error.
  void Fill(const Decoder& decoder) noexcept;
  /// True for the first who asks, and is to call Fill or Fail.
  bool ClaimFill() noexcept { return word_.exchange(1, std::memory_order_acq_rel) == 0; }
  void Fail(Status error) noexcept { SetReady(std::move(error)); }

 protected:
  virtual void* place() noexcept = 0;
  bool has_value_ = false;

 private:
  std::unique_ptr<Origin> origin_;
  const ValueCodec* codec_ = nullptr;
};

template <typename T>
class TypedReceivedObject final : public ReceivedObject {
 public:
  TypedReceivedObject() = default;
  /// One that is ready, with a value of this process.
  template <typename U>
  explicit TypedReceivedObject(U&& value) {
    value_.Emplace(std::forward<U>(value));
    has_value_ = true;
    SetReady();
  }
  const std::type_info& value_type() const noexcept override { return typeid(T); }
  void* value() noexcept override { return place(); }

 private:
  ~TypedReceivedObject() override { DestroyValue(); }
  void DropValue() noexcept override { DestroyValue(); }
  void DestroyValue() noexcept {
    if constexpr (!std::is_void_v<T>) {
      if (std::exchange(has_value_, false)) value_.Destroy();
    }
  }
  void* place() noexcept override {
    if constexpr (std::is_void_v<T>) {
      return nullptr;
    } else {
      return &value_;
    }
  }
  [[no_unique_address]] Slot<T> value_;
};

/// Makes an object for the values of one type.
struct ObjectMaker {
  const std::type_info* type;
  const ValueCodec* codec;
  ReceivedObject* (*make)();
};

/// References that have come with a value.
class ReferenceSource {
 public:
  virtual ~ReferenceSource() = default;
  /// Throws std::out_of_range.
  virtual ObjectPointer Take(uint32_t number, const ObjectMaker& maker) const = 0;
};

}  // namespace triune::detail
