#include "engine/run/crash_report.h"

#include <execinfo.h>
#include <link.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <utility>

namespace engine {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kIsSanitized = true;
#else
constexpr bool kIsSanitized = false;
#endif

constexpr int kSignals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
constexpr int kFramesMax = 32;
constexpr size_t kStackBytes = 65536;

// The length comes last and at once, so that the reader sees whole texts.
struct Page {
  std::atomic<uint32_t> length;
  char text[CrashPage::kBytes - sizeof(std::atomic<uint32_t>)];
};
static_assert(sizeof(Page) == CrashPage::kBytes);

Page* page = nullptr;  // shared, or ours alone
bool page_is_ours = false;
uintptr_t program_start = 0;
std::atomic<pid_t> reporting{0};  // the thread that does
std::atomic<CrashSource> source{nullptr};
std::atomic<void*> source_context{nullptr};

std::string_view NameOf(int signal) {
  switch (signal) {
    case SIGSEGV:
      return "SIGSEGV";
    case SIGBUS:
      return "SIGBUS";
    case SIGILL:
      return "SIGILL";
    case SIGFPE:
      return "SIGFPE";
    case SIGABRT:
      return "SIGABRT";
  }
  return "?";
}

// Where the program lies in memory, so that addresses mean the same in every run.
int NoteStart(dl_phdr_info* info, size_t, void*) {
  program_start = info->dlpi_addr;
  return 1;  // the first is the program itself
}

void Publish(const CrashWriter& writer) {
  page->length.store(uint32_t(writer.length()), std::memory_order_release);
}

void WriteWhere(CrashWriter& writer) {
  void* frames[kFramesMax];
  const int count = backtrace(frames, kFramesMax);
  writer << "at (addr2line -e ringway):";
  for (int i = 0; i < count; ++i) {
    const auto address = reinterpret_cast<uintptr_t>(frames[i]);
    (writer << " 0x").Hex(address >= program_start ? address - program_start : address);
  }
  writer << "\n";
}

[[noreturn]] void DieOf(int signal) {
  struct sigaction action {};
  action.sa_handler = SIG_DFL;
  sigaction(signal, &action, nullptr);
  sigset_t only;
  sigemptyset(&only);
  sigaddset(&only, signal);
  pthread_sigmask(SIG_UNBLOCK, &only, nullptr);
  syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), signal);
  _exit(128 + signal);
}

void OnCrash(int signal, siginfo_t* info, void*) noexcept {
  const auto self = pid_t(syscall(SYS_gettid));
  pid_t nobody = 0;
  if (!reporting.compare_exchange_strong(nobody, self)) {
    if (nobody == self) DieOf(signal);  // the report itself went wrong
    for (;;) pause();                   // another thread's report ends the process
  }
  CrashWriter writer(page->text, sizeof(page->text));
  char thread[16] = {};
  prctl(PR_GET_NAME, thread);
  writer << "killed by signal " << uint64_t(signal) << " (" << NameOf(signal) << ")";
  if (signal != SIGABRT) {
    (writer << ", address 0x").Hex(reinterpret_cast<uintptr_t>(info->si_addr));
  }
  writer << ", thread " << thread << "\n";
  Publish(writer);
  WriteWhere(writer);
  Publish(writer);
  if (const CrashSource write = source.load()) {
    write(writer, source_context.load());
    Publish(writer);
  }
  if (page_is_ours) (void)!write(STDERR_FILENO, page->text, writer.length());
  DieOf(signal);
}

}  // namespace

CrashWriter& CrashWriter::operator<<(std::string_view text) noexcept {
  const size_t count = std::min(text.size(), capacity_ - length_);
  std::memcpy(text_ + length_, text.data(), count);
  length_ += count;
  return *this;
}

CrashWriter& CrashWriter::Number(uint64_t number, unsigned base) noexcept {
  char digits[20];
  size_t next = sizeof(digits);
  do {
    digits[--next] = "0123456789abcdef"[number % base];
    number /= base;
  } while (number != 0);
  return *this << std::string_view(digits + next, sizeof(digits) - next);
}

CrashPage::~CrashPage() {
  if (fd_ >= 0) close(fd_);
}

CrashPage::CrashPage(CrashPage&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

CrashPage& CrashPage::operator=(CrashPage&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

CrashPage CrashPage::Create() {
  CrashPage created;
  created.fd_ = memfd_create("ringway crash report", MFD_CLOEXEC);
  if (created.fd_ >= 0 && ftruncate(created.fd_, off_t(kBytes)) != 0) {
    close(created.fd_);
    created.fd_ = -1;
  }
  return created;
}

std::string CrashPage::Read() const {
  uint32_t length = 0;
  if (fd_ < 0 || pread(fd_, &length, sizeof(length), 0) != ssize_t(sizeof(length))) return {};
  std::string text(std::min<size_t>(length, sizeof(Page::text)), '\0');
  const ssize_t got = pread(fd_, text.data(), text.size(), offsetof(Page, text));
  text.resize(size_t(std::max<ssize_t>(got, 0)));
  return text;
}

void PrepareCrashReport(int page_fd) {
  if (kIsSanitized) return;
  void* memory = MAP_FAILED;
  if (page_fd >= 0) {
    memory = mmap(nullptr, sizeof(Page), PROT_READ | PROT_WRITE, MAP_SHARED, page_fd, 0);
  }
  page_is_ours = memory == MAP_FAILED;
  if (page_is_ours) {
    memory =
        mmap(nullptr, sizeof(Page), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  }
  if (memory == MAP_FAILED) return;
  page = static_cast<Page*>(memory);
  dl_iterate_phdr(&NoteStart, nullptr);
  void* frame[1];
  (void)backtrace(frame, 1);  // loads what it needs now, as it could not in the handler
  PrepareCrashStack();
  struct sigaction action {};
  action.sa_sigaction = &OnCrash;
  // Not blocked in its own handler: a fault there must come through.
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
  for (const int signal : kSignals) sigaction(signal, &action, nullptr);
}

void PrepareCrashStack() {
  if (kIsSanitized) return;
  // Once per thread and for its life, like the thread's own stack.
  void* memory =
      mmap(nullptr, kStackBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return;
  stack_t stack{};
  stack.ss_sp = memory;
  stack.ss_size = kStackBytes;
  sigaltstack(&stack, nullptr);
}

void SetCrashSource(CrashSource write, void* context) {
  source_context.store(context);
  source.store(write);
}

}  // namespace engine
