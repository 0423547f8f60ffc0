// Deployment by a distribution's own installer: which system it installs, and whether the installer exists.
//
// 1. Installers are in the racks' boot trees. The region sees only the tree of its own host; it does not know a remote rack's installers,
//    and refuses no deployment because of them.
// 2. An installation does not begin if its preseed cannot be rendered, because of a template's mistake or an unquotable value.

import type { Machine } from '../records/machine.ts';
import { refusal } from '../words/refusal.ts';
import type { CommandRefusal, Deployment } from './commands.ts';
import type { ImageWish } from './deployment.ts';

/** True if the racks can boot this system's installer; undefined: unknown. */
export type HasInstaller = (wish: ImageWish) => boolean | undefined;

/** The releases whose installer the racks can boot on this machine, sorted; undefined: unknown. */
export type ListInstallers = (
  machine: Pick<Machine, 'architecture' | 'subarchitecture'>,
) => readonly string[] | undefined;

/** Ubuntu releases that people may name without the distribution. */
const UBUNTU: ReadonlySet<string> = new Set([
  'trusty',
  'xenial',
  'bionic',
  'focal',
  'jammy',
  'noble',
  'plucky',
  'questing',
]);

/** The distribution of a release named without one. */
export const distributionOf = (release: string): string => (UBUNTU.has(release) ? 'ubuntu' : 'debian');

/** Why this installation is impossible; `undefined` if no obstacle is known. */
export function refuseInstaller(
  machine: Machine,
  { osystem, release }: Pick<Deployment, 'osystem' | 'release'>,
  hasInstaller: HasInstaller | undefined,
): CommandRefusal | undefined {
  const { architecture, subarchitecture, hostname } = machine;
  if (release === '') return refusal('image-missing.unnamed', { machine: hostname });
  if (hasInstaller?.({ os: osystem, release, architecture, subarchitecture }) !== false) return undefined;
  const place = `${architecture}/${subarchitecture}/${release}/install`;
  const system = { osystem, release, architecture };
  return refusal('image-missing.installer', { ...system, machine: hostname, place });
}

/** The machine as it would be during the installation. @param username the person who deploys it */
export const machineInstalled = (
  machine: Machine,
  { osystem, release, deployBy, disk }: Deployment,
  username: string,
): Machine => ({
  ...machine,
  owner: machine.owner ?? username,
  osystem,
  release,
  work: { waitsForBoot: false, attempts: 0, before: machine.status, deployBy, disk },
});

/** Why this machine's preseed cannot be rendered; `undefined` if it can. */
export async function refusePreseed(
  machine: Machine,
  installProblem: ((machine: Machine) => Promise<string | undefined>) | undefined,
): Promise<CommandRefusal | undefined> {
  const problem = await installProblem?.(machine);
  if (problem === undefined) return undefined;
  const { hostname, systemId } = machine;
  return refusal('preseed-faulty.installation', { machine: hostname, systemId, problem });
}
