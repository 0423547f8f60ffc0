// A sentence as the command line prints it on this host, with its commands as they are typed here.

import { nameCommands } from '../../src/cli/terminal/named-commands.ts';
import { findOwnProgram } from '../../src/control/own-program.ts';
import { formatConfigOption } from '../../src/control/start-command.ts';

export const asPrinted = (sentence: string, configFile: string): string =>
  nameCommands(sentence, {
    program: findOwnProgram(),
    config: formatConfigOption(configFile),
    isRoot: process.getuid?.() === 0,
  });
