// converters.h - the converters that need nothing but their sample (manual 7.3.1), by family.
//
// Owns:    constant tables.
// Threads: any-thread.
// Units:   see the manual.
// Errors:  see unit.h.
// States:  none.

#pragma once

#include <span>
#include <string_view>

#include "engine/expr/unit.h"

namespace engine {

std::span<const ConverterSpec> NumberConverters();     // add and bool cpl div even mod mul ...
std::span<const ConverterSpec> TextConverters();       // lower upper field word iif host_only ...
std::span<const ConverterSpec> EncodingConverters();   // base64 hex url_enc be2dec ...
std::span<const ConverterSpec> DateConverters();       // utime ltime http_date ...
std::span<const ConverterSpec> PacketConverters();     // eth.* ip.* tcp.*
std::span<const ConverterSpec> SyntaxConverters();     // json language param protobuf ...
std::span<const ConverterSpec> ForwardedConverters();  // rfc7239_*
std::span<const ConverterSpec> DebugConverters();      // debug

std::span<const ConverterSpec> RegexConverters();    // regsub
std::span<const ConverterSpec> JsonConverters();     // json_query jwt_*_query
std::span<const ConverterSpec> MessageConverters();  // fix_* mqtt_* add_item

// The one of that name, which must be there: for units that are made of others.
const ConverterSpec& ConverterOf(std::span<const ConverterSpec> family, std::string_view name);

// Fetches that give what their arguments say, or chance and the time (manual 7.3.2).
std::span<const FetchSpec> ConstantFetches();

}  // namespace engine
