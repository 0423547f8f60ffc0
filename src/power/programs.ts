// The programs that power drivers run, and the Debian packages that have them: one table for whoever names them (the drivers' refusals,
// `init`, `power set`, `doctor --fix-hint`, docs/power.md).

import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** A program of the operating system. */
export interface DriverProgram {
  readonly program: string;
  /** The Debian package that has it. */
  readonly package: string;
}

const IPMITOOL: DriverProgram = { program: 'ipmitool', package: 'ipmitool' };
const VIRSH: DriverProgram = { program: 'virsh', package: 'libvirt-clients' };
const SSH: DriverProgram = { program: 'ssh', package: 'openssh-client' };
const SSH_KEYGEN: DriverProgram = { program: 'ssh-keygen', package: 'openssh-client' };

/** What each driver runs, by its `power_type`; a driver that is not here runs nothing. */
export const DRIVER_PROGRAMS: ReadonlyMap<string, readonly DriverProgram[]> = new Map([
  ['ipmi', [IPMITOOL]],
  ['virsh', [VIRSH, SSH, SSH_KEYGEN]],
]);

/** Where a service of systemd looks for programs (systemd.exec(5)), besides this process's own PATH. */
const SERVICE_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** The command that installs these programs. */
export const installCommand = (programs: readonly DriverProgram[]): string =>
  `sudo apt-get install ${[...new Set(programs.map((one) => one.package))].join(' ')}`;

/** Says that a program is not there, and what installs it. */
export function missingText(program: string): string {
  const known = [...DRIVER_PROGRAMS.values()].flat().filter((one) => one.program === program);
  return `${program} is not installed: ${installCommand(known)}`;
}

/** The programs of a driver that this host does not have. @param driver its `power_type` */
export function findMissingPrograms(driver: string, path: string = process.env.PATH ?? ''): readonly DriverProgram[] {
  const places = `${path}${delimiter}${SERVICE_PATH}`.split(delimiter).filter((place) => place !== '');
  return (DRIVER_PROGRAMS.get(driver) ?? []).filter(
    ({ program }) => !places.some((place) => isExecutable(join(place, program))),
  );
}

/** True when this user may run the file. */
export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
