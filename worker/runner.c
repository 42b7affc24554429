/* runner: what all runners share. */
#include "worker/runner.h"

#include <jansson.h>
#include <math.h>

void runner_note_init(struct runner_note *note)
{
    *note = (struct runner_note){.energy_mj = NAN};
}

void runner_note_free(struct runner_note *note)
{
    json_decref(note->tool);
    note->tool = NULL;
}

void runner_close(struct runner *runner)
{
    if (runner->ops != NULL)
        runner->ops->close(runner);
    runner->ops = NULL;
}
