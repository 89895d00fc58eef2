/*
 * The contract lives a floor lower, where device models may include it.
 */
#ifndef VMEXIT_REGION_H
#define VMEXIT_REGION_H

#include "hv/region.h"

#endif
