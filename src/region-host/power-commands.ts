// The power command for each task in a machine's record, the task of a command, and the problems of
// power parameters.

import { findNearestName } from '../ground/nearest-name.ts';
import type { PowerCommand } from '../power/command.ts';
import type { PowerDetail } from '../power/detail.ts';
import type { PowerDeps, PowerDriver } from '../power/driver.ts';
import type { LedgerEntry } from '../power/ledger.ts';
import { bootPurpose } from '../region/records/boot-purpose.ts';
import type { Machine } from '../region/records/machine.ts';
import type { PowerParameters } from '../region/records/power-parameters.ts';
import type { PowerTask } from '../region/records/power-task.ts';
import { faultText } from '../region/records/power-words.ts';
import type { RefusalWord } from '../region/records/refusal.ts';
import { fieldRefusal, partRefusal } from '../region/records/refusal.ts';

export const BY_HAND: PowerDetail = { code: 'by-hand', params: {} };

/**
 * Builds the power command for a task. The command sets the network as the next boot device if the
 * machine must boot from it.
 */
export function buildPowerCommand(machine: Machine, task: PowerTask): LedgerEntry['command'] {
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

export function toPowerTask(command: Exclude<PowerCommand, { readonly kind: 'query' }>): PowerTask {
  if (command.kind !== 'off') return command.kind;
  return command.manner === 'soft' ? 'soft-off' : 'off';
}

const describeUnknownDriver = (driver: string, names: readonly string[], nearest: string | undefined): string =>
  `there is no power driver ${driver}; the drivers are ${names.join(', ')}${nearest === undefined ? '' : `; did you mean ${nearest}?`}`;

/** Finds why power parameters cannot work. Empty if they can. */
export function findParameterProblems(
  drivers: ReadonlyMap<string, PowerDriver>,
  powerType: string,
  values: PowerParameters,
  deps: PowerDeps,
): readonly RefusalWord[] {
  if (powerType === '')
    return Object.keys(values).length === 0 ? [] : [fieldRefusal('give a power_type with the parameters')];
  const driver = drivers.get(powerType);
  if (driver === undefined) {
    const names = [...drivers.keys()];
    return [fieldRefusal(describeUnknownDriver(powerType, names, findNearestName(powerType, names)))];
  }
  const opened = driver.open('', values, deps);
  return opened.kind === 'open'
    ? []
    : opened.problems.map((problem) => partRefusal('invalid-parameters', problem.parameter, faultText(problem)));
}
