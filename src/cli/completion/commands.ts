// The command `completion`.

import type { Argv } from 'yargs';
import { print } from '../terminal/output.ts';

/** Adds the command to a command line. */
export function completionCommand<T>(parser: Argv<T>) {
  const text = 'Print the shell script that completes commands, for the shell to evaluate';
  return parser.command('completion', text, {}, async () => {
    const { completionScript } = await import('./script.ts');
    print(completionScript(process.env));
  });
}
