/* admit: which key may say what. Pure. A key is bound to its role and to the node names that belong to its name (common/keys.h);
 * what it says beyond that is refused, whatever the connection said before. */
#ifndef HWNAS_MASTER_ADMIT_H
#define HWNAS_MASTER_ADMIT_H

#include "common/keys_list.h"
#include "common/wire.h"

/* Whether a message that came with that key may be heard. node: the peer that has said Hello on this connection; NULL: none.
 * STATUS_OK, or STATUS_BAD_INPUT and what the key may not. */
enum status_code admit_message(const struct keys_list *list, const struct keys_public *key, const struct wire_message *message,
                               const char *node, struct status *status);

#endif
