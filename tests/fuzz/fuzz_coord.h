/* fuzz_coord: the target's input, which seeds.c writes: steps, one after the other, each of
 *
 *   link (1 byte, low 3 bits: the connection; 0x80: a turn is taken after it), time that passes before it (1 byte, in units of
 *   100 ms), size (2 bytes, little-endian), a frame of so many bytes
 *
 * A frame that can be read and speaks of lease n with n of 1 to FUZZ_COORD_TASKS means the n-th task that the master has sent: its
 * lease, epoch, attempt and key are put in, so that chance can get at what is behind them. */
#ifndef HWNAS_TESTS_FUZZ_FUZZ_COORD_H
#define HWNAS_TESTS_FUZZ_FUZZ_COORD_H

#include "tests/fuzz/fuzz.h"

enum { FUZZ_COORD_TASKS = 32, FUZZ_COORD_HEAD = 4, FUZZ_COORD_TURN = 0x80 };

#endif
