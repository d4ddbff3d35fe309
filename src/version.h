/* The version: of the git checkout, or of the release where there is none. */
#ifndef IDLEPROBE_VERSION_H
#define IDLEPROBE_VERSION_H

extern const char idleprobe_version[];

#endif
