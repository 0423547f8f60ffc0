// `rackboot lab` (`npm start`): the safe lab on loopback, or a virtual machine in a private network.

import { runSafeLab } from '../lab/safe-lab.ts';
import { runVirtualLab } from '../lab/virtual-lab.ts';

/** Runs until Ctrl-C. @returns 0 when the machine got where it was sent, else 1 */
export async function runLab(vm: boolean): Promise<number> {
  const interrupted = new Promise<void>((resolve) => {
    // SIGHUP: the terminal was closed, which must leave as little behind as Ctrl-C does.
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => resolve());
  });
  const outcome = await (vm ? runVirtualLab(interrupted) : runSafeLab(interrupted));
  return outcome?.kind === 'failed' ? 1 : 0;
}
