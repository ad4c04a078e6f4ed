// log_keywords.h - the words about logs: `log`, formats, options, `ring` sections.
//
// Owns:    nothing.
// Threads: start-up.
// Units:   as the fields of log_plan.h and log_config.h that the handlers fill.
// Errors:  the handlers report into the use's Diagnostics.
// States:  none. Lines are kept in the drafts, since rings and the global section may follow their
//          users; FinishLogs() settles them once everything was read.

#pragma once

#include "engine/config/keywords.h"
#include "engine/config/tree.h"
#include "engine/expr/log_format.h"
#include "engine/server/log_draft.h"

namespace engine {

struct BuildContext;
struct Configuration;
struct ProxyConfig;
struct ProxyLog;
struct WordPlace;

void RegisterLogKeywords(BuildKeywords& keywords);
void ReadRing(BuildContext& context, const Section& section);
// All proxies and the global section.
void FinishLogs(BuildContext& context);

// Sections `log-profile` (log_profile.cc).
void RegisterLogProfileKeywords(BuildKeywords& keywords);
void ReadLogProfile(BuildContext& context, const Section& section);
// Its place among all; -1: none is called so.
int32_t FindLogProfile(const Configuration& configuration, std::string_view name);
// The same, once all were read; reports that there is none.
bool SettleLogProfile(BuildContext& context, const WordPlace& place, std::string_view name,
                      int32_t* profile);
// The one argument of `log-steps`, as ProxyLog::steps.
bool TakeLogSteps(const KeywordUse& use, uint32_t* steps);
void AddProfiles(const Configuration& configuration, ProxyLog& log);
// The format that stands there; reports what is wrong with it.
bool CompileFormat(BuildContext& context, const LogFormatDraft& draft, LogFormat& format);

// The one argument of a line as a log format, which is read here only to report what is wrong with
// it: FinishFormat() makes it. `offers`: what its expressions may look at, one of place::.
bool TakeFormatText(BuildContext& context, KeywordUse& use, Needs offers, LogFormatDraft& draft);
// True: `out` holds the format of `draft`, which may be none.
bool FinishFormat(BuildContext& context, const ProxyConfig& config, const LogFormatDraft& draft,
                  LogFormat& out);

}  // namespace engine
