// The command `completion`.

import { row } from '../terminal/command-table.ts';
import { print } from '../terminal/output.ts';

export const COMPLETION_COMMAND = row(
  'completion',
  'Print the shell script that completes commands, for the shell to evaluate',
  {},
  async () => {
    const { completionScript } = await import('./script.ts');
    print(completionScript(process.env));
    return 0;
  },
);
