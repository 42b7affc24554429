/* report_finals: the finals of a study (master/finals.h) read out of the store: who the finalists are follows from the candidates,
 * their scores from the evaluations under their draws' keys. Part of report. */
#ifndef HWNAS_MASTER_REPORT_FINALS_H
#define HWNAS_MASTER_REPORT_FINALS_H

#include "master/report.h"

/* NULL in *out where the study has no finals. settings must outlive it; files is store_study's. */
enum status_code report_finals_open(const struct config_study *settings, const char *files, struct report_finals **out,
                                    struct status *status);
void report_finals_free(struct report_finals *finals);

/* The next candidate in the order of the tells. */
void report_finals_offer(struct report_finals *finals, const struct study_candidate *candidate);

/* All were offered: looks the draws up and fills in the list. */
enum status_code report_finals_score(struct report_finals *finals, struct store *store, struct status *status);

/* The finalist that this architecture is; NULL: none, or finals is NULL. */
const struct report_finalist *report_finals_find(const struct report_finals *finals, const char *arch);

#endif
