// A sentence as the command line prints it on this host, with its commands as they are typed here.

import { ownProgram } from '../../src/control/own-program.ts';
import { configWords } from '../../src/control/start-command.ts';
import { nameCommands } from '../../src/named-commands.ts';

export const asPrinted = (sentence: string, configFile: string): string =>
  nameCommands(sentence, { program: ownProgram(), config: configWords(configFile), isRoot: process.getuid?.() === 0 });
