/* version: the one place that says which hwnas this is. */
#ifndef HWNAS_COMMON_VERSION_H
#define HWNAS_COMMON_VERSION_H

#define HWNAS_VERSION "0.1.0"

#endif
