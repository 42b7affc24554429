/* space_fbnet_layers: what space_fbnet.c and space_fbnet_net.c share about the layers. Nobody else includes it. */
#ifndef HWNAS_COMMON_SPACE_FBNET_LAYERS_H
#define HWNAS_COMMON_SPACE_FBNET_LAYERS_H

#include "common/space_fbnet.h"

/* Layers of each stage. */
extern const int fbnet_stage_layers[FBNET_STAGES];

/* space_ops.build. */
enum status_code fbnet_build_net(const struct space *space, const struct arch *arch, const struct space_build *build,
                                 struct net *out, struct status *status);

#endif
