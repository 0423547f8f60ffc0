// What commands say of programs that power drivers need and this host lacks.

import { DRIVER_PROGRAMS, findMissingPrograms, installCommand } from '../../power/programs.ts';

/** What a driver switches, for a person who does not know its name. */
const SWITCHED: Readonly<Record<string, string>> = {
  ipmi: 'machines with a BMC',
  virsh: 'virtual machines of libvirt',
};

/** A line for each of the drivers that cannot work on this host, with the command that changes this. Default: of every driver. */
export function missingProgramLines(drivers: Iterable<string> = DRIVER_PROGRAMS.keys()): readonly string[] {
  return [...drivers].flatMap((driver) => {
    const missing = findMissingPrograms(driver);
    if (missing.length === 0) return [];
    const names = missing.map(({ program }) => program).join(' and ');
    return [`To switch ${SWITCHED[driver] ?? 'machines'}, driver ${driver} needs ${names}: ${installCommand(missing)}`];
  });
}
