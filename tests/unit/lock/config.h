/*
 * Stands in for the build's config.h, so that the lock checker is there.
 */
#define CONFIG_DEBUG_CHECKS 1
