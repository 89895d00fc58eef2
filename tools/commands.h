/*
 * The subcommands of build/trapline: argv[0] is the subcommand's name; each returns the exit status.
 */
#ifndef TOOLS_COMMANDS_H
#define TOOLS_COMMANDS_H

int command_run(int argc, char **argv);
int command_trace(int argc, char **argv);
int command_control(int argc, char **argv);
int command_attach(int argc, char **argv);
int command_calls(int argc, char **argv);

#endif
