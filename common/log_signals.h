/* log_signals: SIGUSR1 makes a program's log tell one level more, SIGUSR2 one less, while it runs. */
#ifndef HWNAS_COMMON_LOG_SIGNALS_H
#define HWNAS_COMMON_LOG_SIGNALS_H

#include <uv.h>

#include "common/log.h"

struct log_signals {
    uv_signal_t more, less;
};

/* Watches for them on that loop; both, and the logger, must stay in place until the loop has run the close callbacks. */
void log_signals_open(struct log_signals *signals, uv_loop_t *loop, const struct logger *logger);
void log_signals_close(struct log_signals *signals); /* twice is harmless */

#endif
