// Deployment by a distribution's own installer: which system it installs, and whether the installer exists.
//
// 1. The region sees only its own host's boot tree, so it never refuses a deployment because a
//    remote rack lacks an installer.
// 2. An installation does not begin if its preseed cannot be rendered: a template has a mistake, or
//    a value cannot be quoted.

import type { ImageRequest } from '../../images/store/image-store.ts';
import type { Machine } from '../records/machine.ts';
import { type MistakeAt, mistakeAtText } from '../records/preseed-mistake.ts';
import { refusal } from '../records/refusal.ts';
import type { CommandRefusal, Deployment } from './commands.ts';

/** Undefined: unknown. */
export type HasInstaller = (wish: ImageRequest) => boolean | undefined;

export interface ListedInstaller {
  readonly release: string;
  /** Undefined: the distribution of the release's name (`inferDistribution`). */
  readonly os: string | undefined;
  readonly title: string;
}

/** Sorted by their releases; undefined: unknown. */
export type ListInstallers = (
  machine: Pick<Machine, 'architecture' | 'subarchitecture'>,
) => readonly ListedInstaller[] | undefined;

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
export const inferDistribution = (release: string): string => (UBUNTU.has(release) ? 'ubuntu' : 'debian');

export interface InstallerDeps {
  /** Undefined: the region presumes that every installer exists. */
  readonly hasInstaller?: HasInstaller | undefined;
  /** The first mistake in a machine's preseeds; `undefined` if one can be rendered. */
  readonly installProblem?: ((machine: Machine) => Promise<MistakeAt | undefined>) | undefined;
}

const installerText = (
  osystem: string,
  release: string,
  architecture: string,
  machine: string,
  place: string,
): string => {
  const command = `rackboot images import-installer --release ${release}${architecture === 'amd64' ? '' : ` --arch ${architecture}`}`;
  const remedy = osystem === 'debian' ? `\`${command}\` adds it.` : 'Put its linux and initrd.gz there.';
  return `there is no installer of ${osystem}/${release} for ${machine}: the boot tree has no ${place}. ${remedy}`;
};

/** @param username the person who deploys the machine */
export async function refuseInstallation(
  machine: Machine,
  { osystem, release, deployBy, disk }: Deployment,
  username: string,
  { hasInstaller, installProblem }: InstallerDeps,
): Promise<CommandRefusal | undefined> {
  const { architecture, subarchitecture, hostname, systemId } = machine;
  if (release === '')
    return refusal('image-missing', `name the system to install on ${hostname}, for example debian/bookworm`);
  if (hasInstaller?.({ os: osystem, release, architecture, subarchitecture }) === false) {
    const place = `${architecture}/${subarchitecture}/${release}/install`;
    return refusal('image-missing', installerText(osystem, release, architecture, hostname, place));
  }
  const problem = await installProblem?.({
    ...machine,
    owner: machine.owner ?? username,
    osystem,
    release,
    work: { waitsForBoot: false, attempts: 0, before: machine.status, deployBy, disk },
  });
  if (problem === undefined) return undefined;
  const { file, line, mistake } = problem;
  return refusal(
    'preseed-faulty',
    `the preseed of ${hostname} cannot be rendered: ${mistakeAtText({ file, line, mistake })}; \`rackboot preseed render ${systemId}\` tries again.`,
  );
}
