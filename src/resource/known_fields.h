// The fields of an InferenceService: all that KServe has, and which of them Triune acts on.
#pragma once

#include <span>
#include <string_view>

#include "resource/schema.h"

namespace triune::resource {

/// Of the whole object, from apiVersion to status.
const Schema& InferenceServiceSchema();

/// Keys of spec.predictor that name a model: "model" and the legacy "sklearn", "xgboost", ...
std::span<const std::string_view> ModelKeys();

/// Annotations with which KServe is told to do something.
std::span<const std::string_view> KServeAnnotations();

}  // namespace triune::resource
