// Deploying by a distribution's own installer: which system is meant, and whether there is an installer for it.
//
// 1. The installers are in the boot trees of the racks. The region sees one of its own host only: what a remote rack has is not known
//    here, and nothing is refused for it.
// 2. Whose answers cannot be made, by a mistake in a template or a value that a template cannot hold, is not begun to be installed.

import type { Machine } from '../records/machine.ts';
import type { CommandRefusal, Deployment } from './commands.ts';
import type { ImageWish } from './deployment.ts';

/** True when the racks can boot the installer of this system; undefined: it is not known here. */
export type HasInstaller = (wish: ImageWish) => boolean | undefined;

/** Ubuntu's releases by their code names, as far as a person leaves its name away. */
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

/** The distribution of a release whose distribution is not named. */
export const distributionOf = (release: string): string => (UBUNTU.has(release) ? 'ubuntu' : 'debian');

/** Why a machine cannot be installed so; undefined: nothing that is known here stands against it. */
export function refuseInstaller(
  machine: Machine,
  { osystem, release }: Pick<Deployment, 'osystem' | 'release'>,
  hasInstaller: HasInstaller | undefined,
): CommandRefusal | undefined {
  const { architecture, subarchitecture } = machine;
  if (release === '') {
    const text = `say what to install on ${machine.hostname}: debian/bookworm, for example`;
    return { reason: 'image-missing', text };
  }
  if (hasInstaller?.({ os: osystem, release, architecture, subarchitecture }) !== false) return undefined;
  const place = `${architecture}/${subarchitecture}/${release}/install`;
  const text =
    `there is no installer of ${osystem}/${release} for ${machine.hostname}: the boot tree has no ${place}. ` +
    '`rackboot images import-installer` puts the one of Debian there.';
  return { reason: 'image-missing', text };
}

/** The machine as its installer would find it. @param username who installs it */
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

/** Why this machine's installer could not be told its answers; undefined: it can. */
export function refuseAnswers(
  machine: Machine,
  installProblem: ((machine: Machine) => string | undefined) | undefined,
): CommandRefusal | undefined {
  const problem = installProblem?.(machine);
  if (problem === undefined) return undefined;
  const text = `${machine.hostname} could not be told how to install itself: ${problem}; \`rackboot preseed render ${machine.systemId}\` tries it again.`;
  return { reason: 'preseed-faulty', text };
}
