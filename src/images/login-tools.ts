// The programs for logging in to the ephemeral environment: dropbear's server and the generator of its host key. They form a separate
// archive next to the initrd. A machine fetches it only if a login is allowed; other machines have no server.

import type { Apt } from './apt.ts';
import { makeToolArchive, type ToolArchive, toolPackages } from './tool-archive.ts';

const PACKAGE = 'dropbear-bin';

/** The names of the packages that contain the server and its libraries. */
export const loginToolPackages = (apt: Apt): Promise<string[]> => toolPackages(apt, [PACKAGE]);

/** True if the packages contain the server. */
export const hasLoginTools = (names: readonly string[]): boolean => names.includes(PACKAGE);

/**
 * Makes the archive, and the initrd entry that names it.
 *
 * @param unpacked where the packages of `loginToolPackages` were unpacked
 * @param directory where the archive will be, relative to the boot tree
 * @throws RackError `bad-argument` naming a program or library that no package contains
 */
export const makeLoginTools = (unpacked: string, directory: string): Promise<ToolArchive> =>
  makeToolArchive({ unpacked, directory, name: 'login', programs: ['dropbear', 'dropbearkey'] });
