/* Typed arrays of a slab or of frames, bound once by bindColumns of locate-plain.c: looking each up takes a call. */
#ifndef PAWSCOPE_COLUMNS_H
#define PAWSCOPE_COLUMNS_H

#include "napi.h"

struct column {
  void *data;
  size_t length;
};

/* Columns of a slab, in the order of src/capture/slab.ts: those with an entry per row, then the bytes. */
enum {
  SLAB_AT,
  SLAB_IP_AT,
  SLAB_TCP_AT,
  SLAB_END,
  SLAB_LENGTH,
  SLAB_FRAME,
  SLAB_SCOPE,
  SLAB_SHARD,
  SLAB_ROW_COLUMNS,
  SLAB_BYTES = SLAB_ROW_COLUMNS,
  SLAB_COLUMNS,
};

static inline size_t shortest(const struct column *columns, int count) {
  size_t length = SIZE_MAX;
  for (int i = 0; i < count; i++)
    if (columns[i].length < length) length = columns[i].length;
  return length;
}

#endif
