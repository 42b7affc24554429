/* cli_doctor_db: the examination of `hwnas doctor` that needs what a master knows: the database. */
#ifndef HWNAS_MASTER_CLI_DOCTOR_DB_H
#define HWNAS_MASTER_CLI_DOCTOR_DB_H

#include "common/doctor.h"

/* Whether the database that --db names is sound and of this version, what it holds, and who holds it. Never changes it. */
doctor_section cli_doctor_db;

#endif
