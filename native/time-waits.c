/*
 * A table-valued function for SQLite, which loads the addon as an extension: pawscope_time_waits(times, words) returns
 * the rows of a TimeWaitRows (src/flow/time-wait-rows.ts). One statement stores a whole batch, binding two columns
 * instead of eight values per row. Without the addon src/store/write/time-waits.ts stores the same in TypeScript.
 */
#include <stddef.h>
#include <stdint.h>

#include "sqlite3ext.h"

SQLITE_EXTENSION_INIT1

#define EXPORT __attribute__((visibility("default")))

/* Numbers and words per row in the two columns, and the offsets of a row's words. */
#define TIMES 3
#define WORDS 10
#define ROW_OF_TIMES (sqlite3_int64)(TIMES * sizeof(double))
#define ROW_OF_WORDS (sqlite3_int64)(WORDS * sizeof(uint32_t))
enum { WORD_OWNER = 0, WORD_PEER = 4, WORD_PORTS = 8, WORD_INFO = 9 };
#define INFO_IPV6 1
#define INFO_ENDING(info) ((info) >> 1 & 7)
#define INFO_CAPTURE(info) ((info) >> 7)

static const char *const ENDINGS[] = {"timer", "rst", "syn", "reuse", "capture-end"};

static const char SCHEMA[] = "CREATE TABLE t(capture, owner, owner_port, peer, peer_port, entered, started, ended, "
                             "ended_by, times HIDDEN, words HIDDEN)";
enum {
  CAPTURE, OWNER, OWNER_PORT, PEER, PEER_PORT, ENTERED, STARTED, ENDED, ENDED_BY,
  FIRST_ARGUMENT
};
#define ARGUMENTS 2

struct cursor {
  sqlite3_vtab_cursor base;
  /* Copies of the arguments, kept as long as the cursor points into them. */
  sqlite3_value *arguments[ARGUMENTS];
  const double *times;
  const uint32_t *words;
  sqlite3_int64 row;
  sqlite3_int64 count;
};

/* Size of the longest address as text: eight groups, which are longer than ::ffff:255.255.255.255. */
#define ADDRESS_TEXT sizeof "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"

static char *put_decimal(char *to, unsigned byte) {
  if (byte >= 100) *to++ = '0' + byte / 100;
  if (byte >= 10) *to++ = '0' + byte / 10 % 10;
  *to++ = '0' + byte % 10;
  return to;
}

static char *put_ipv4(char *to, uint32_t address) {
  for (int shift = 24; shift > 0; shift -= 8) {
    to = put_decimal(to, address >> shift & 255);
    *to++ = '.';
  }
  return put_decimal(to, address & 255);
}

static char *put_group(char *to, unsigned group) {
  int shift = group >= 0x1000 ? 12 : group >= 0x100 ? 8 : group >= 0x10 ? 4 : 0;
  for (; shift >= 0; shift -= 4) *to++ = "0123456789abcdef"[group >> shift & 15];
  return to;
}

static char *put_text(char *to, const char *text) {
  while (*text != '\0') *to++ = *text++;
  return to;
}

/* RFC 5952, as in src/base/address.ts. Not inet_ntop, which writes ::1.2.3.4 for ::102:304. */
static char *put_ipv6(char *to, const uint32_t *words) {
  if (words[0] == 0 && words[1] == 0 && words[2] == 0xffff) return put_ipv4(put_text(to, "::ffff:"), words[3]);
  unsigned groups[8];
  for (int i = 0; i < 8; i++) groups[i] = words[i / 2] >> (i % 2 == 0 ? 16 : 0) & 0xffff;
  /* The run of zero groups to leave out: the first of the longest ones, if it has two groups or more. */
  int zeros = -1, length = 1;
  for (int i = 0; i < 8; i++) {
    int run = 0;
    while (i + run < 8 && groups[i + run] == 0) run++;
    if (run > length) zeros = i, length = run;
    i += run;
  }
  for (int i = 0; i < 8; i++) {
    if (i == zeros) {
      to = put_text(to, "::");
      i += length;
      if (i == 8) break;
    } else if (i > 0) *to++ = ':';
    to = put_group(to, groups[i]);
  }
  return to;
}

static void result_address(sqlite3_context *context, const uint32_t *words, int is_ipv6) {
  char text[ADDRESS_TEXT];
  const char *end = is_ipv6 ? put_ipv6(text, words) : put_ipv4(text, *words);
  sqlite3_result_text(context, text, (int)(end - text), SQLITE_TRANSIENT);
}

static int connect(sqlite3 *db, void *data, int argc, const char *const *argv, sqlite3_vtab **table, char **error) {
  (void)data, (void)argc, (void)argv, (void)error;
  int status = sqlite3_declare_vtab(db, SCHEMA);
  if (status != SQLITE_OK) return status;
  /* Triggers and views of an untrusted database cannot call it. */
  sqlite3_vtab_config(db, SQLITE_VTAB_DIRECTONLY);
  *table = sqlite3_malloc(sizeof **table);
  if (*table == NULL) return SQLITE_NOMEM;
  **table = (sqlite3_vtab){0};
  return SQLITE_OK;
}

static int disconnect(sqlite3_vtab *table) {
  sqlite3_free(table);
  return SQLITE_OK;
}

/* The table is a function of its arguments: a plan without both of them is refused. */
static int best_index(sqlite3_vtab *table, sqlite3_index_info *info) {
  (void)table;
  int given = 0;
  for (int i = 0; i < info->nConstraint; i++) {
    const int argument = info->aConstraint[i].iColumn - FIRST_ARGUMENT;
    if (argument < 0 || !info->aConstraint[i].usable) continue;
    if (info->aConstraint[i].op != SQLITE_INDEX_CONSTRAINT_EQ || (given & 1 << argument) != 0) continue;
    given |= 1 << argument;
    info->aConstraintUsage[i].argvIndex = argument + 1;
    info->aConstraintUsage[i].omit = 1;
  }
  return given == (1 << ARGUMENTS) - 1 ? SQLITE_OK : SQLITE_CONSTRAINT;
}

static int open_cursor(sqlite3_vtab *table, sqlite3_vtab_cursor **opened) {
  (void)table;
  struct cursor *cursor = sqlite3_malloc(sizeof *cursor);
  if (cursor == NULL) return SQLITE_NOMEM;
  *cursor = (struct cursor){0};
  *opened = &cursor->base;
  return SQLITE_OK;
}

static void forget_arguments(struct cursor *cursor) {
  for (int i = 0; i < ARGUMENTS; i++) {
    sqlite3_value_free(cursor->arguments[i]);
    cursor->arguments[i] = NULL;
  }
}

static int close_cursor(sqlite3_vtab_cursor *opened) {
  forget_arguments((struct cursor *)opened);
  sqlite3_free(opened);
  return SQLITE_OK;
}

static int filter(sqlite3_vtab_cursor *opened, int plan, const char *name, int argc, sqlite3_value **argv) {
  (void)plan, (void)name, (void)argc;
  struct cursor *cursor = (struct cursor *)opened;
  forget_arguments(cursor);
  for (int i = 0; i < ARGUMENTS; i++) {
    cursor->arguments[i] = sqlite3_value_dup(argv[i]);
    if (cursor->arguments[i] == NULL) return SQLITE_NOMEM;
  }
  cursor->times = sqlite3_value_blob(cursor->arguments[0]);
  cursor->words = sqlite3_value_blob(cursor->arguments[1]);
  const sqlite3_int64 times = sqlite3_value_bytes(cursor->arguments[0]);
  const sqlite3_int64 words = sqlite3_value_bytes(cursor->arguments[1]);
  cursor->row = 0;
  cursor->count = times / ROW_OF_TIMES;
  if (cursor->count * ROW_OF_TIMES == times && cursor->count * ROW_OF_WORDS == words) return SQLITE_OK;
  cursor->count = 0;
  sqlite3_free(opened->pVtab->zErrMsg);
  opened->pVtab->zErrMsg = sqlite3_mprintf("%lld bytes of times and %lld of words do not make rows", times, words);
  return SQLITE_ERROR;
}

static int next(sqlite3_vtab_cursor *opened) {
  ((struct cursor *)opened)->row++;
  return SQLITE_OK;
}

static int at_end(sqlite3_vtab_cursor *opened) {
  const struct cursor *cursor = (const struct cursor *)opened;
  return cursor->row >= cursor->count;
}

static int column(sqlite3_vtab_cursor *opened, sqlite3_context *context, int index) {
  const struct cursor *cursor = (const struct cursor *)opened;
  const double *times = cursor->times + cursor->row * TIMES;
  const uint32_t *words = cursor->words + cursor->row * WORDS;
  const uint32_t info = words[WORD_INFO];
  switch (index) {
    case CAPTURE: sqlite3_result_int64(context, INFO_CAPTURE(info)); break;
    case OWNER: result_address(context, words + WORD_OWNER, info & INFO_IPV6); break;
    case OWNER_PORT: sqlite3_result_int(context, words[WORD_PORTS] >> 16); break;
    case PEER: result_address(context, words + WORD_PEER, info & INFO_IPV6); break;
    case PEER_PORT: sqlite3_result_int(context, words[WORD_PORTS] & 0xffff); break;
    /* Nanoseconds below 2^53 (src/base/time.ts). */
    case ENTERED: case STARTED: case ENDED:
      sqlite3_result_int64(context, (sqlite3_int64)times[index - ENTERED]);
      break;
    case ENDED_BY:
      if (INFO_ENDING(info) < sizeof ENDINGS / sizeof *ENDINGS)
        sqlite3_result_text(context, ENDINGS[INFO_ENDING(info)], -1, SQLITE_STATIC);
      break;
    default: sqlite3_result_value(context, cursor->arguments[index - FIRST_ARGUMENT]);
  }
  return SQLITE_OK;
}

static int rowid(sqlite3_vtab_cursor *opened, sqlite3_int64 *id) {
  *id = ((const struct cursor *)opened)->row;
  return SQLITE_OK;
}

/* An eponymous-only virtual table, as xCreate is NULL: it exists without CREATE VIRTUAL TABLE and is in no schema. */
static const sqlite3_module MODULE = {
    .xConnect = connect,
    .xDisconnect = disconnect,
    .xBestIndex = best_index,
    .xOpen = open_cursor,
    .xClose = close_cursor,
    .xFilter = filter,
    .xNext = next,
    .xEof = at_end,
    .xColumn = column,
    .xRowid = rowid,
};

EXPORT int sqlite3_extension_init(sqlite3 *db, char **error, const sqlite3_api_routines *api) {
  (void)error;
  SQLITE_EXTENSION_INIT2(api);
  return sqlite3_create_module_v2(db, "pawscope_time_waits", &MODULE, NULL, NULL);
}
