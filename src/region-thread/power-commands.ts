// The power command for each task in a machine's record, and the task of a command.

import type { PowerCommand } from '../power/command.ts';
import type { PowerDetail } from '../power/detail.ts';
import type { LedgerEntry } from '../power/ledger.ts';
import { bootPurpose } from '../region/records/boot-purpose.ts';
import type { Machine } from '../region/records/machine.ts';
import type { PowerTask } from '../region/records/power-task.ts';

export const BY_HAND: PowerDetail = { code: 'by-hand', params: {} };

/** The power command for a task; it sets the network as the next boot device if the machine must boot from it. */
export function commandOf(machine: Machine, task: PowerTask): LedgerEntry['command'] {
  const purpose = bootPurpose({ ...machine, deployBy: machine.work?.deployBy });
  const netboot = purpose !== 'local' && purpose !== 'poweroff';
  switch (task) {
    case 'on':
    case 'cycle':
      return { kind: task, netboot };
    case 'off':
      return { kind: 'off', manner: 'hard' };
    case 'soft-off':
      return { kind: 'off', manner: 'soft' };
  }
}

export function taskOf(command: Exclude<PowerCommand, { readonly kind: 'query' }>): PowerTask {
  if (command.kind !== 'off') return command.kind;
  return command.manner === 'soft' ? 'soft-off' : 'off';
}
