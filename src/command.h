/* The commands: one file each. A command gets its own name as argv[0] and returns the program's exit code. */
#ifndef IDLEPROBE_COMMAND_H
#define IDLEPROBE_COMMAND_H

int cmd_measure(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_respond(int argc, char **argv);
int cmd_report(int argc, char **argv);
int cmd_platforms(int argc, char **argv);
int cmd_generate(int argc, char **argv);

#endif
