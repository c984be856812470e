// The calls of one method on one lane.
#pragma once

#include <cstddef>
#include <memory>
#include <unordered_map>
#include <utility>

#include "server/grpc/lane.h"

namespace triune::server::grpc_api {

/// Owns calls from when a request is asked for until they have ended. For methods that are called seldom: each call is
/// a new object. Used on the lane's thread, or before it runs.
template <typename Call>
class CallList {
 public:
  explicit CallList(Lane& lane) : lane_(lane) {}

  Lane& lane() { return lane_; }

  template <typename... Arguments>
  Call& Add(Arguments&&... arguments) {
    lane_.Enter();
    auto call = std::make_unique<Call>(std::forward<Arguments>(arguments)...);
    Call& added = *call;
    calls_.emplace(&added, std::move(call));
    return added;
  }
  /// Destroys the call, of which no operation may be under way.
  void Remove(Call& call) {
    calls_.erase(&call);
    lane_.Leave();
  }

  size_t size() const { return calls_.size(); }
  /// `visit(call)` for each; it must not add or remove any.
  template <typename Visitor>
  void ForEach(Visitor visit) {
    for (auto& [key, call] : calls_) visit(*call);
  }

 private:
  Lane& lane_;
  std::unordered_map<Call*, std::unique_ptr<Call>> calls_;
};

}  // namespace triune::server::grpc_api
