// The offer of `rackboot init` to start the service. Nothing else starts or enables it.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { agrees } from '../terminal/prompt.ts';

/** systemctl(1), which waits for a line. Without one it ends with this process. */
const COMMAND = 'read -r line && exec systemctl enable --now rackboot';

/**
 * Prepares the offer while this process is root's: storing the network makes it the service user's, who may start nothing.
 * @returns asks the person; true if the service runs then
 */
export function prepareServiceOffer(): () => Promise<boolean> {
  const child = spawn('sh', ['-c', COMMAND], { stdio: ['pipe', 'inherit', 'inherit'] });
  child.unref();
  return async () => {
    if (!(await agrees('Start the service now and at each boot?'))) return false;
    child.ref();
    child.stdin.end('\n');
    const [code] = await once(child, 'exit');
    return code === 0;
  };
}
