// Who writes in a data directory: the actor id of this incarnation and the mark of a clean stop. See
// README.md, "Versions", for why an unclean stop must change the actor.
//
// The file is named `actor`. It is text, each line ended by a line feed, in this order:
//
//   starling-actor 1
//   actor <16 hex digits>
//   last-stamp <16 hex digits>
//   stopped clean | running
//   file <inode> <seconds>.<nanoseconds>         of this very file: its inode number and its time of birth
//   directory <inode> <seconds>.<nanoseconds>    of the directory it was written in
//   checksum <16 hex digits>                     XXH3 of all bytes before this line
//
// A node resumes its actor only when the mark says clean and both identities are still those of the file and
// the directory at hand. A copy of the directory, a restored backup, or the file put back from one has
// another inode or another time of birth, also when an inode number was used again, and so has a tree of hard
// links (its directory). Device numbers and host names take no part: they change for reasons that lose no
// data (a reboot, a volume moved to another host). A mismatch without cause costs no more than one new actor.
//
// What no file can tell: a block-level snapshot of a volume, taken while the node was cleanly stopped and
// rolled back to after it had run again. It resumes an actor that has since made events the snapshot forgot.
// Delete the file `actor` before starting on such a volume. Where the file system keeps no times of birth
// they read as 0.0, and only the inode numbers speak.
#pragma once

#include <memory>
#include <string>

#include "engine/base/clock.h"
#include "engine/base/dot.h"
#include "engine/base/status.h"

namespace starling::engine {

class ActorFile {
 public:
  ~ActorFile();
  // Settles who this incarnation is, and takes the clean mark away, durably (file and directory fsynced)
  // before it returns. A missing, torn or damaged file is an unclean stop and no error. kNewerFormat when a
  // later release wrote it; kNoSpace or kIoError when it cannot be read or replaced: the node must not start
  // then. The directory must exist and be locked by the caller. `random` must be seeded from the system's
  // entropy in production. An actor whose last stamp is later than `latest`, by a clock that was wrong, does
  // not go on: its stamps could only be later still.
  static Status open(const std::string& directory, Random& random, Stamp latest,
                     std::unique_ptr<ActorFile>* file);

  ActorId actor() const { return actor_; }
  // Who goes on after a clean stop from now on. After any other one the next start draws a new actor as ever, so
  // nothing need be durable before it is used.
  void renew(ActorId actor) { actor_ = actor; }
  // The greatest stamp known from the file: restore the clock with it. 0 when there is none. Complete only if
  // resumed().
  Stamp last_stamp() const { return last_stamp_; }
  // True: the actor of the clean stop goes on. False: it was drawn anew.
  bool resumed() const { return resumed_; }
  // For the server's log, a sentence: why the actor is a new one. Empty when resumed().
  const std::string& reason() const { return reason_; }

  // Sets the clean mark, durably. The last thing before the process ends: everything acknowledged is durable
  // in the directory, and no stamp is issued any more. On failure the next start draws a new actor.
  Status mark_clean(Stamp last_stamp);

 private:
  class Descriptor;

  explicit ActorFile(std::string directory);
  Status inspect(ActorId* actor);
  Status write(bool clean);

  std::string directory_;
  // The file that was found at the start, by now without a name. While it is open, its inode number is not
  // given to the file of the next clean stop, so that an older copy put back in place cannot pass for that
  // one.
  std::unique_ptr<Descriptor> found_;
  ActorId actor_ = 0;
  Stamp last_stamp_ = 0;
  bool resumed_ = false;
  std::string reason_;
};

}  // namespace starling::engine
