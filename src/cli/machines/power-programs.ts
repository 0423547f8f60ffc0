// Hints about programs that power drivers need and this host lacks.

import { DRIVER_PROGRAMS, findMissingPrograms, installCommand, type ProgramDriverName } from '../../power/programs.ts';

/** The machines that each driver switches, in plain words. */
const SWITCHED_MACHINES: Readonly<Record<ProgramDriverName, string>> = {
  ipmi: 'machines with a BMC',
  virsh: 'virtual machines of libvirt',
};
const machinesByDriver = new Map<string, string>(Object.entries(SWITCHED_MACHINES));

/**
 * A line for each driver that lacks a program on this host, with the command that installs it.
 * Default: every driver.
 */
export function missingProgramLines(drivers: Iterable<string> = DRIVER_PROGRAMS.keys()): readonly string[] {
  return [...drivers].flatMap((driver) => {
    const missing = findMissingPrograms(driver);
    if (missing.length === 0) return [];
    const names = missing.map(({ program }) => program).join(' and ');
    return [`To switch ${machinesByDriver.get(driver)}, driver ${driver} needs ${names}: ${installCommand(missing)}`];
  });
}
