#include "libpcap.h"
#include "glibc.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>

/* The library's name in Debian, and in all other distributions. */
static const char *const NAMES[] = {"libpcap.so.0.8", "libpcap.so.1"};

#define SYMBOL(member) {"pcap_" #member, offsetof(struct libpcap, member)}

static const struct {
  const char *name;
  size_t at;
} SYMBOLS[] = {
    SYMBOL(create),       SYMBOL(open_dead),         SYMBOL(set_snaplen),
    SYMBOL(set_promisc),  SYMBOL(set_timeout),       SYMBOL(set_buffer_size),
    SYMBOL(set_immediate_mode), SYMBOL(set_tstamp_precision), SYMBOL(activate),
    SYMBOL(setnonblock),  SYMBOL(dispatch),          SYMBOL(get_selectable_fd),
    SYMBOL(stats),        SYMBOL(datalink),          SYMBOL(compile),
    SYMBOL(setfilter),    SYMBOL(offline_filter),    SYMBOL(freecode),
    SYMBOL(findalldevs),  SYMBOL(freealldevs),       SYMBOL(close),
    SYMBOL(geterr),       SYMBOL(statustostr),       SYMBOL(lib_version),
};

static struct libpcap library;
static char problem_found[160];
static pthread_mutex_t loading = PTHREAD_MUTEX_INITIALIZER;
static int loaded;

static void load(void) {
  void *handle = NULL;
  for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES && handle == NULL; i++) handle = dlopen(NAMES[i], RTLD_NOW);
  if (handle == NULL) {
    snprintf(problem_found, sizeof problem_found, "libpcap is not installed");
    return;
  }
  for (size_t i = 0; i < sizeof SYMBOLS / sizeof *SYMBOLS; i++) {
    void *symbol = dlsym(handle, SYMBOLS[i].name);
    if (symbol == NULL) {
      snprintf(problem_found, sizeof problem_found, "the installed libpcap is too old: it lacks %s", SYMBOLS[i].name);
      return;
    }
    /* C has no conversion between object and function pointers; POSIX guarantees the same representation. */
    *(void **)((char *)&library + SYMBOLS[i].at) = symbol;
  }
  loaded = 1;
}

const struct libpcap *libpcap_load(const char **problem) {
  pthread_mutex_lock(&loading);
  /* Try again each time: libpcap may have been installed in the meantime. */
  if (!loaded) load();
  const struct libpcap *found = loaded ? &library : NULL;
  pthread_mutex_unlock(&loading);
  *problem = problem_found;
  return found;
}
