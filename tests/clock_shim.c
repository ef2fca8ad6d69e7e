/* Preloaded into a server: CLOCK_REALTIME is off by the seconds, with a fraction if need be, that stand in the file
   $STARLING_CLOCK_OFFSET, at any moment; the other clocks are as they are. No library call that could ask for the time or
   for memory. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define BILLION 1000000000L

static long long offset_ns(void) {
  const char* const path = getenv("STARLING_CLOCK_OFFSET");
  const int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
  char text[64];
  const ssize_t size = fd < 0 ? 0 : read(fd, text, sizeof text);
  if (fd >= 0) close(fd);
  long long ns = 0, unit = BILLION;
  int negative = 0, fraction = 0;
  for (ssize_t i = 0; i < size; ++i) {
    const char c = text[i];
    if (c == '-') {
      negative = 1;
    } else if (c == '.') {
      fraction = 1;
    } else if (c >= '0' && c <= '9') {
      if (fraction) {
        unit /= 10;
        ns += (c - '0') * unit;
      } else {
        ns = ns * 10 + (c - '0') * BILLION;
      }
    }
  }
  return negative ? -ns : ns;
}

int clock_gettime(clockid_t clock, struct timespec* now) {
  const int status = (int)syscall(SYS_clock_gettime, clock, now);
  if (status != 0 || (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE)) return status;
  const long long ns = now->tv_nsec + offset_ns();
  now->tv_sec += ns / BILLION;
  now->tv_nsec = ns % BILLION;
  if (now->tv_nsec < 0) {
    now->tv_nsec += BILLION;
    --now->tv_sec;
  }
  return 0;
}

int gettimeofday(struct timeval* now, void* zone) {
  struct timespec precise;
  (void)zone;
  clock_gettime(CLOCK_REALTIME, &precise);
  now->tv_sec = precise.tv_sec;
  now->tv_usec = precise.tv_nsec / 1000;
  return 0;
}

time_t time(time_t* result) {
  struct timespec precise;
  clock_gettime(CLOCK_REALTIME, &precise);
  if (result) *result = precise.tv_sec;
  return precise.tv_sec;
}
