#!/bin/bash
# The agent for armhf under qemu: its engine computes what it should; at an x86-64 master it registers, measures and reports.
set -u
arch=armhf emulator=qemu-arm
. tests/support/board.sh
