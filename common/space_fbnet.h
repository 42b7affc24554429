/* space_fbnet: the search space of FBNet (Wu et al., CVPR 2019, section 3.1) as HW-NAS-Bench counts it (Li et al., ICLR 2021): 22
 * layers, one of nine blocks in each, 9^22 networks. Included by space.c and by its tests alone.
 *
 * Gene i is the block of layer i; the text form is the 22 digits, as in the benchmark's tables; read, too, are the blocks' names
 * with `-` between them (k3_e6-skip-...). A block k<K>_e<E>[_g2] of C channels in is a 1x1 convolution to E*C channels, BN, ReLU; a
 * KxK depthwise convolution with the layer's stride, BN, ReLU; a 1x1 convolution to the layer's channels, BN; and the block's input
 * is added where the shape stays. g2: both 1x1 convolutions have two groups, and the channels are shuffled behind the first ReLU.
 * Skip is the identity where the shape stays, a 1x1 convolution with the layer's stride, BN and ReLU elsewhere.
 *
 * Layers: stages of 1, 4, 4, 4, 4, 4 and 1 layers with 16, 24, 32, 64, 112, 184 and 352 channels; a stage's first layer alone
 * changes shape. Images under FBNET_LARGE_IMAGE pixels (the benchmark's CIFAR-100 form) are halved by stages 3, 4 and 6 and end in
 * a head of 1,504 channels; larger ones (the paper's ImageNet form) by the stem and stage 2 besides, with a head of 1,984.
 *
 * What the benchmark leaves open is ours: struct space_build's channels are those of the stem (16 as published; a multiple of 4),
 * and all others grow with them; its cells are the 22 layers and nothing else. The taps for RMI stand where the CIFAR form leaves
 * 32x32 and 16x16, at the ends of stages 2 and 3, and behind the head's ReLU.
 *
 * Canonical: behind a stage's first layer an identity is nothing, wherever it stands, so those skips go to the stage's end. The
 * network is the same, node by node. Every architecture is connected. */
#ifndef HWNAS_COMMON_SPACE_FBNET_H
#define HWNAS_COMMON_SPACE_FBNET_H

#include "common/space.h"

enum { FBNET_LAYERS = 22, FBNET_STAGES = 7, FBNET_LARGE_IMAGE = 96 };

enum fbnet_block {
    FBNET_K3_E1,
    FBNET_K3_E1_G2,
    FBNET_K3_E3,
    FBNET_K3_E6,
    FBNET_K5_E1,
    FBNET_K5_E1_G2,
    FBNET_K5_E3,
    FBNET_K5_E6,
    FBNET_SKIP,
    FBNET_BLOCKS
};

extern const struct space_ops space_fbnet;

#endif
