/*
 * glibc 2.34 moved these functions from libdl and libpthread into libc and gave the symbols a new version. The old
 * version is the same function and exists in every glibc of the last twenty years, so a binary that requests it runs on
 * all of them.
 */
#ifndef PAWSCOPE_GLIBC_H
#define PAWSCOPE_GLIBC_H

#include <features.h>

#if defined(__GLIBC__) && defined(__x86_64__)
__asm__(".symver dlopen,dlopen@GLIBC_2.2.5");
__asm__(".symver dlsym,dlsym@GLIBC_2.2.5");
__asm__(".symver pthread_create,pthread_create@GLIBC_2.2.5");
__asm__(".symver pthread_join,pthread_join@GLIBC_2.2.5");
#endif

#endif
