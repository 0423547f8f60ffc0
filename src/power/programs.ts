// The programs that power drivers run, and their Debian packages: one table for the drivers'
// refusals, `init`, `power set`, `doctor --fix-hint` and docs/power.md. A driver that runs no
// program has no row.

import { delimiter, join } from 'node:path';
import { isExecutable } from '../files/executable.ts';
import type { PowerDriverName } from '../machines/power-drivers.ts';
import type { PowerDetail } from './detail.ts';

/** A program of the operating system. */
export interface DriverProgram {
  readonly program: string;
  /** Its Debian package. */
  readonly package: string;
}

const IPMITOOL: DriverProgram = { program: 'ipmitool', package: 'ipmitool' };
const VIRSH: DriverProgram = { program: 'virsh', package: 'libvirt-clients' };
const SSH: DriverProgram = { program: 'ssh', package: 'openssh-client' };
const SSH_KEYGEN: DriverProgram = { program: 'ssh-keygen', package: 'openssh-client' };

const PROGRAMS = {
  ipmi: [IPMITOOL],
  virsh: [VIRSH, SSH, SSH_KEYGEN],
} as const satisfies Partial<Record<PowerDriverName, readonly DriverProgram[]>>;

/** A driver that runs programs. */
export type ProgramDriverName = keyof typeof PROGRAMS;

/** The programs of each driver by its `power_type`; other drivers run none. */
export const DRIVER_PROGRAMS: ReadonlyMap<string, readonly DriverProgram[]> = new Map(Object.entries(PROGRAMS));

/**
 * The PATH of a systemd service (systemd.exec(5)), which is searched in addition to the PATH of
 * this process.
 */
const SERVICE_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** The command that installs these programs. */
export const installCommand = (programs: readonly DriverProgram[]): string =>
  `sudo apt-get install ${[...new Set(programs.map((program) => program.package))].join(' ')}`;

/** A program that is missing. */
export function missingProgram(program: string): PowerDetail<'program-missing'> {
  const packages = [...DRIVER_PROGRAMS.values()].flat().filter((entry) => entry.program === program);
  return { code: 'program-missing', params: { program, command: installCommand(packages) } };
}

/** The programs of a driver that are missing on this host. @param driver its `power_type` */
export function findMissingPrograms(driver: string, path: string = process.env.PATH ?? ''): readonly DriverProgram[] {
  const directories = `${path}${delimiter}${SERVICE_PATH}`.split(delimiter).filter((directory) => directory !== '');
  return (DRIVER_PROGRAMS.get(driver) ?? []).filter(
    ({ program }) => !directories.some((directory) => isExecutable(join(directory, program))),
  );
}
