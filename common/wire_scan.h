/* wire_scan: what is wrong with a frame's bytes before protobuf-c unpacks them. Part of wire. Pure.
 *
 * protobuf-c takes what it should not: an unknown message beside a known one, a field twice, a list of a million, a number that
 * does not fit (its lower bits are kept), a field of another type, text with a NUL byte in it (it ends there). And each unknown
 * field, list item and empty text costs it 30 to 60 times the bytes they have. None of that gets past here. Takes no memory; looks
 * at each byte once; is not recursive. */
#ifndef HWNAS_COMMON_WIRE_SCAN_H
#define HWNAS_COMMON_WIRE_SCAN_H

#include <stddef.h>
#include <stdint.h>

#include "common/status.h"

enum { WIRE_SCAN_UNKNOWN_MAX = 16 }; /* fields of a newer program, in a frame */

/* STATUS_OK: unpacking these bytes succeeds within the budget of wire.c, if there is memory. STATUS_UNSUPPORTED: a frame of another
 * wire version (and no Refuse, which is read whatever its version). STATUS_BAD_INPUT names message and field. */
enum status_code wire_scan(const void *data, size_t size, struct status *status);

#endif
