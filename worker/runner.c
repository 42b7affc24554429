/* runner: what all runners share. */
#include "worker/runner.h"

void runner_close(struct runner *runner)
{
    if (runner->ops != NULL)
        runner->ops->close(runner);
    runner->ops = NULL;
}
