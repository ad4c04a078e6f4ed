#include "engine/expr/places.h"

namespace engine {
namespace {

struct PlaceOffer {
  std::string_view name;
  Needs offers;
};

constexpr PlaceOffer kPlaces[] = {
    {"'tcp-request connection'", place::kTcpConnection},
    {"'tcp-request session'", place::kTcpSession},
    {"'tcp-request content'", place::kTcpContent},
    {"'http-request'", place::kHttpRequest},
    {"'use_backend'", place::kHttpRequest},
    {"'tcp-response content'", place::kTcpResponse},
    {"'http-response'", place::kHttpResponse},
    {"'log-format'", place::kLog},
    {"'tcp-check'", place::kTcpCheck},
    {"'http-check'", place::kHttpCheck},
};

}  // namespace

std::string PlacesOf(Needs needs) {
  std::string list;
  for (const PlaceOffer& one : kPlaces) {
    if ((needs & ~one.offers) != 0) continue;
    if (!list.empty()) list += ", ";
    list += one.name;
  }
  return list;
}

}  // namespace engine
