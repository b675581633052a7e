#!/bin/bash
# Goal: shellcheck has nothing to say about any of our shell scripts. Those of the initramfs are
# left out: busybox reads them, and they get their variables from its tools.
cd "$1" || exit 1
grep -rIlE --exclude-dir='build*' --exclude-dir=.git --exclude-dir=initramfs.d \
    '^#!.*[/ ](ba|da)?sh( |$)' . | {
    mapfile -t scripts
    shellcheck "${scripts[@]}" scripts/*.sh
}
