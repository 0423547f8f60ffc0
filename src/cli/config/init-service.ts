// The offer of `rackboot init` to start the service. Nothing else starts or enables it.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { unitsToEnable } from '../../control/start-command.ts';
import { agrees } from '../terminal/prompt.ts';

/**
 * Prepares the offer while this process is root's: storing the network makes it the service user's,
 * who may start nothing.
 * @returns asks the person; true if the service runs then
 */
export function prepareServiceOffer(): () => Promise<boolean> {
  const units = unitsToEnable();
  const backup = units.includes('backup') ? ', with a backup each night' : '';
  // It waits for a line. Without one it ends with this process.
  const child = spawn('sh', ['-c', `read -r line && exec systemctl enable --now ${units}`], {
    stdio: ['pipe', 'inherit', 'inherit'],
  });
  child.unref();
  return async () => {
    if (!(await agrees(`Start the service now and at each boot${backup}?`))) return false;
    child.ref();
    child.stdin.end('\n');
    const [code] = await once(child, 'exit');
    return code === 0;
  };
}
