// `rackboot lab` (`npm start`): the safe lab on loopback, or a virtual machine in a private network.

import { systemClock } from '../../ground/clock.ts';
import { RackError } from '../../ground/errors.ts';
import { FLEET_MACHINES_MAX, FLEET_RACKS_MAX } from '../../lab/fleet-plan.ts';
import { runGuidedLab } from '../../lab/guided-lab.ts';
import { Narrator } from '../../lab/narrator.ts';
import { whenParentEnds } from '../../lab/parent-end.ts';
import { runVirtualLab } from '../../lab/virtual-lab.ts';

interface LabFlags {
  readonly vm: boolean;
  readonly machines: number;
  readonly racks: number;
}

/**
 * Until Ctrl-C, or until the program that started it ends. @returns 1 if the virtual machine failed
 * @throws RackError `bad-argument` for an unusable size
 */
export async function runLab(flags: LabFlags): Promise<number> {
  const { vm, machines, racks } = flags;
  judgeSize('machines', machines, FLEET_MACHINES_MAX);
  judgeSize('racks', racks, FLEET_RACKS_MAX);
  if (racks > machines)
    throw new RackError(
      'bad-argument',
      `--racks ${racks} needs a machine on each rack: add --machines ${racks} or more`,
    );
  if (vm && machines * racks > 1)
    throw new RackError('bad-argument', '--vm runs one virtual machine on one rack: omit --machines and --racks');
  const interrupted = new Promise<void>((resolve) => {
    // SIGHUP: the terminal was closed, which must leave as little behind as Ctrl-C does. npm passes
    // on a Ctrl-C that the terminal has already sent here, so the second one must not interrupt the
    // shutdown.
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => resolve());
    whenParentEnds(resolve);
  });
  const narrator = new Narrator(systemClock);
  if (!vm) {
    await runGuidedLab({ machines, racks }, narrator, interrupted);
    return 0;
  }
  const outcome = await runVirtualLab(narrator, interrupted);
  // A build of its environment may still be under way.
  if (outcome === undefined) process.exit(0);
  return outcome.kind === 'failed' ? 1 : 0;
}

function judgeSize(name: string, value: number, max: number): void {
  if (Number.isInteger(value) && value >= 1 && value <= max) return;
  const problem = Number.isNaN(value) ? 'needs' : `is ${value}, but must be`;
  throw new RackError('bad-argument', `--${name} ${problem} a whole number from 1 to ${max}`);
}
