// A sentence as the command line prints it on this host, with its commands as they are typed here.

import { nameCommands } from '../../src/cli/terminal/named-commands.ts';
import { ownProgram } from '../../src/control/own-program.ts';
import { configWords } from '../../src/control/start-command.ts';

export const asPrinted = (sentence: string, configFile: string): string =>
  nameCommands(sentence, { program: ownProgram(), config: configWords(configFile), isRoot: process.getuid?.() === 0 });
