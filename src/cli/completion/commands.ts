// The command `completion`.

import { action } from '../terminal/command-table.ts';
import { print } from '../terminal/output.ts';

export const COMPLETION_COMMAND = action(
  'completion',
  'Print the shell script that completes commands, for the shell to evaluate',
  {},
  async () => {
    const { completionScript } = await import('./script.ts');
    print(completionScript(process.env));
    return 0;
  },
);
