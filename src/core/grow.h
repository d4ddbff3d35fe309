#ifndef IDLEPROBE_GROW_H
#define IDLEPROBE_GROW_H

#include <stdbool.h>
#include <stddef.h>

/* Makes room in *array, of *room elements of `size` octets, for one more than `count`; it doubles. The caller frees it.
 * False without memory: then all is as it was. */
bool grow(void **array, size_t *room, size_t count, size_t size);

#endif
