// text_service.h - a service of HTTP whose answer is text, made in pieces as the client takes them.
//
// Owns:    an answer under way, which is the state of its applet; what of it has found no room yet.
// Threads: shard-local.
// Units:   bytes.
// Errors:  an answer that cannot be made any more ends its connection.
// States:  of an answer: its head unknown -> known -> text -> over. While a client reads nothing,
//          it stands still: a piece in text_, and what applet and channel hold.
//
//   class Hello final : public TextAnswer {
//     TextStep Run(std::string& text) override { text += "hello\n"; return TextStep::kDone; }
//   };

#pragma once

#include <memory>
#include <string>

#include "engine/session/http_service.h"

namespace engine {

// What one Run() should stay near.
inline constexpr size_t kTextPieceBytes = 8192;

enum class TextStep : uint8_t {
  kMore,  // again, once what there is has left
  kWait,  // for a question it has asked
  kDone,
};

class TextAnswer {
 public:
  virtual ~TextAnswer() = default;
  // Adds to `text`; short, whatever there is to say. The head must be known by the time that there
  // is text.
  virtual TextStep Run(std::string& text) = 0;
  // Takes from the request's body; `ended`: nothing follows.
  virtual void Take(shard::ByteQueue& input, bool ended) {
    (void)ended;
    input.Clear();
  }
  const ServiceHead* head() const { return head_known_ ? &head_ : nullptr; }

 protected:
  ServiceHead head_;
  bool head_known_ = false;

 private:
  friend class TextService;
  std::string text_;
  bool head_told_ = false;
  bool done_ = false;
};

class TextService : public HttpService {
 public:
  const ServiceHead* Head(shard::Applet& applet) const final {
    return applet.state == nullptr ? nullptr : static_cast<TextAnswer*>(applet.state)->head();
  }
  void Work(shard::Applet& applet) const final;
  void Release(shard::Applet& applet) const final {
    delete static_cast<TextAnswer*>(applet.state);
    applet.state = nullptr;
  }

 protected:
  ~TextService() = default;
  // For the request of the applet's stream. Null: it has gone.
  virtual std::unique_ptr<TextAnswer> Begin(shard::Applet& applet) const = 0;
};

}  // namespace engine
