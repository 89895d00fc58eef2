/*
 * Which of the machine's memory a sandbox has, told to the log: a test that no two share what one of them may write.
 */
#ifndef HV_MAIN_MEMORY_MAP_H
#define HV_MAIN_MEMORY_MAP_H

#include "hv/vm.h"
#include "lib/compiler.h"

/* Lines "map: sandbox N GPA at HPA size BYTES rwx", for all that is mapped now; the sandbox may run meanwhile. */
void memory_map_log(struct vm *vm);

#endif
