// What lets people log in to the ephemeral environment: the server of dropbear and what makes its host key. An archive of its own beside
// the initrd, which a machine fetches only when somebody may log in; no machine has a server otherwise.

import type { Apt } from './apt.ts';
import { makeToolArchive, type ToolArchive, toolPackages } from './tool-archive.ts';

const PACKAGE = 'dropbear-bin';

/** Names of the packages that hold the server and its libraries. */
export const loginToolPackages = (apt: Apt): Promise<string[]> => toolPackages(apt, [PACKAGE]);

/** True for a list of packages that has the server. */
export const hasLoginTools = (names: readonly string[]): boolean => names.includes(PACKAGE);

/**
 * Makes the archive, and the entry of the initrd that names it.
 *
 * @param unpacked where the packages of `loginToolPackages` were unpacked
 * @param directory where the archive will be, relative to the boot tree
 * @throws RackError `bad-argument` naming a program or a library that none of the packages has
 */
export const makeLoginTools = (unpacked: string, directory: string): Promise<ToolArchive> =>
  makeToolArchive({ unpacked, directory, name: 'login', programs: ['dropbear', 'dropbearkey'] });
