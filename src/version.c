#include "version.h"

const char idleprobe_version[] = VERSION;
