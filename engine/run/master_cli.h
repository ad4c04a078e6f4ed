// master_cli.h - the command line of the master process (-S; management 9.4): its own few commands,
// and a way to those of the workers.
//
// Owns:    its listening sockets and connections, and for each a line to a worker while a command
//          runs there.
// Threads: main thread of the master, which serves nobody else. Nothing here waits.
// Units:   bytes.
// Errors:  told to the user. A connection beyond the limit takes the place of the oldest that waits
//          for its user.
// States:  of a connection: reading a line -> (its payload) -> running its commands one after
//          another, here or over a line to a worker -> the next line, or closed.
//
//   MasterCli cli(host);
//   cli.Listen(bind, &why);
//   if (cli.fd() is readable) cli.Turn();
//   cli.Reloaded(number, good, messages);  // whoever has asked is told by the next Turn()

#pragma once

#include <sys/types.h>

#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/server/proxy_config.h"

namespace engine {

// What the commands need of the master.
class MasterCliHost {
 public:
  virtual std::string ProcessTable(bool with_lines) const = 0;  // `show proc`, and its `debug`
  virtual std::string StartupLogs() const = 0;
  virtual bool HasFailedReload() const = 0;
  // The worker of a prefix without its `@`: `1` or `!PID`; 0: there is none.
  virtual pid_t FindWorker(std::string_view name) const = 0;
  // A connection to the command line of a worker; -1: it does not take one.
  virtual int ConnectWorker(pid_t pid, CliLevel level) = 0;
  // The number of the reload that it will be: they are counted, and MasterCli::Reloaded() is called
  // when one is over.
  virtual uint64_t AskReload(bool hard) = 0;

 protected:
  ~MasterCliHost() = default;
};

class MasterCli {
 public:
  // Of the manual's words those that work.
  static std::span<const std::string_view> CommandWords();
  explicit MasterCli(MasterCliHost& host);
  ~MasterCli();
  MasterCli(const MasterCli&) = delete;
  MasterCli& operator=(const MasterCli&) = delete;

  // One address of `-S`. The bind outlives this.
  [[nodiscard]] bool Listen(const BindConfig& bind, std::string* why);
  // Readable when Turn() has something to do.
  int fd() const { return epoll_; }
  void Turn();
  // Those who wait for reload `number`, or an earlier one.
  void Reloaded(uint64_t number, bool good, std::string_view messages);

 private:
  class Connection;
  struct Listening {
    int fd;
    CliLevel level;
  };
  static constexpr size_t kConnectionsMax = 64;

  // Makes what `fd` is watched for `events`. For none it is not watched at all, or its end would be
  // reported again and again. `*now` is what it is watched for; nullopt: it is not.
  void Watch(int fd, uint32_t events, std::optional<uint32_t>* now) const;
  void Accept(const Listening& listening);

  MasterCliHost& host_;
  int epoll_ = -1;
  std::vector<Listening> listening_;
  std::list<std::unique_ptr<Connection>> connections_;
  bool has_news_ = false;  // for a connection, from outside of Turn()
};

}  // namespace engine
