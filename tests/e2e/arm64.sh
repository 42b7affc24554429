#!/bin/bash
# The agent for arm64 under qemu: its engine computes what it should; at an x86-64 master it registers, measures and reports.
set -u
arch=arm64 emulator=qemu-aarch64
. tests/support/board.sh
