/* log_signals: see log_signals.h. Called by the loops of master, worker and agent. */
#include "common/log_signals.h"

#include <signal.h>

static void on_signal(uv_signal_t *handle, int number)
{
    log_step(handle->data, number == SIGUSR1 ? 1 : -1);
}

static void watch(uv_signal_t *handle, uv_loop_t *loop, const struct logger *logger, int number)
{
    uv_signal_init(loop, handle);
    handle->data = (void *)logger;
    uv_signal_start(handle, on_signal, number);
    uv_unref((uv_handle_t *)handle);
}

void log_signals_open(struct log_signals *signals, uv_loop_t *loop, const struct logger *logger)
{
    watch(&signals->more, loop, logger, SIGUSR1);
    watch(&signals->less, loop, logger, SIGUSR2);
}

void log_signals_close(struct log_signals *signals)
{
    if (!uv_is_closing((uv_handle_t *)&signals->more))
        uv_close((uv_handle_t *)&signals->more, NULL);
    if (!uv_is_closing((uv_handle_t *)&signals->less))
        uv_close((uv_handle_t *)&signals->less, NULL);
}
