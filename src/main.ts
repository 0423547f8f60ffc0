// The front door: arguments in, exit code out.
//
// Exit codes: 0 done; 1 the command failed (one line says why); 2 the arguments are not usable.

import { runCommandLine } from './cli/command-line.ts';

process.exitCode = await runCommandLine(process.argv.slice(2));
