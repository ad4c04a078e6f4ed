// What a connection can fail of has the number, the name and the words of the manual (7.3.3,
// fc_err_str), which are read from the manual itself.

#include "engine/session/connection_error.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "base/text.h"

namespace engine {
namespace {

using shard::CloseReason;

struct Row {
  std::string name;
  std::string text;
};

std::string Trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \"");
  const size_t end = text.find_last_not_of(" \"");
  return begin == std::string_view::npos ? "" : std::string(text.substr(begin, end + 1 - begin));
}

// "  | 13 | PRX_TIMEOUT | "Timeout while..." |", by number.
std::map<int64_t, Row> ManualTable() {
  const char* root = std::getenv("RINGWAY_SHARED");
  const std::string folder = root != nullptr ? root : RINGWAY_SOURCE_ROOT "/../shared";
  std::ifstream file(folder + "/manual/configuration.txt");
  std::map<int64_t, Row> rows;
  bool inside = false;
  for (std::string line; std::getline(file, line);) {
    if (line == "fc_err_str : string") inside = true;
    if (line.starts_with("fc_fackets : ")) inside = false;
    if (!inside || !line.starts_with("  | ")) continue;
    std::vector<std::string> cells;
    for (size_t at = 3; at < line.size();) {
      const size_t bar = std::min(line.find('|', at), line.size());
      cells.push_back(Trimmed(std::string_view(line).substr(at, bar - at)));
      at = bar + 1;
    }
    const auto id = base::ParseSigned(cells[0]);
    if (id && cells.size() >= 3) rows[*id] = {cells[1], cells[2]};
  }
  return rows;
}

TEST(ConnectionErrorTest, SaysWhatTheManualSays) {
  const std::map<int64_t, Row> manual = ManualTable();
  if (manual.empty()) GTEST_SKIP() << "no manual (set RINGWAY_SHARED)";
  ASSERT_EQ(manual.size(), 57u);
  std::vector<std::pair<std::string, ConnectionError>> errors;
  for (size_t i = 0; i < size_t(CloseReason::kCount); ++i) {
    errors.emplace_back(Info(CloseReason(i)).name, ErrorOf(CloseReason(i), 0));
  }
  for (int error = 1; error < 134; ++error) {
    errors.emplace_back("errno " + std::to_string(error), ErrorOf(CloseReason::kNone, error));
  }
  for (const auto& [what, error] : errors) {
    const auto row = manual.find(error.id);
    ASSERT_NE(row, manual.end()) << what << ": " << error.id;
    EXPECT_EQ(error.text, row->second.text) << what;
    EXPECT_EQ(error.name, error.id == 0 ? "" : row->second.name) << what;
  }
}

// The manual has codes of these handshakes for whatever a client can do to them.
TEST(ConnectionErrorTest, HandshakesOfClientsHaveAllTheirNumbers) {
  std::map<int64_t, std::string> seen;
  for (size_t i = 0; i < size_t(CloseReason::kCount); ++i) {
    seen[ErrorOf(CloseReason(i), 0).id] = Info(CloseReason(i)).name;
  }
  for (int64_t id = 11; id <= 34; ++id) EXPECT_TRUE(seen.contains(id)) << id;
}

TEST(ConnectionErrorTest, TheReasonSaysMoreThanTheErrorBehindIt) {
  EXPECT_EQ(ErrorOf(CloseReason::kProxyAbort, ECONNRESET).id, 12);
  EXPECT_EQ(ErrorOf(CloseReason::kClientReset, ECONNRESET).id, 47);
  EXPECT_EQ(ErrorOf(CloseReason::kServerAbort, EIO).id, 6);
  EXPECT_EQ(ErrorOf(CloseReason::kNone, 0).id, 0);
}

// Nobody whose handshake fails is told of as a success.
TEST(ConnectionErrorTest, HandshakeReasonsAreErrors) {
  for (auto reason = size_t(CloseReason::kClientHandshakeTimeout);
       reason <= size_t(CloseReason::kTlsFatal); ++reason) {
    if (CloseReason(reason) == CloseReason::kClientProtocol) continue;  // behind the handshakes
    EXPECT_NE(ErrorOf(CloseReason(reason), 0).id, 0) << Info(CloseReason(reason)).name;
  }
}

}  // namespace
}  // namespace engine
