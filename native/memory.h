#ifndef PAWSCOPE_MEMORY_H
#define PAWSCOPE_MEMORY_H

#include <stddef.h>
#include <stdint.h>

/* Maps the pages of these words. */
void populate_words(uint32_t *words, size_t count);

#endif
