// May a command start a system on a machine? Its image or installer, its layout, and a key to log in with.

import type { Clock } from '../../ground/clock.ts';
import { refuseLayout } from '../layout/deployable.ts';
import type { Networks } from '../networks/networks.ts';
import { imagesForMachine } from '../racks/rack-images.ts';
import type { Racks } from '../racks/racks.ts';
import type { Machine } from '../records/machine.ts';
import { fieldRefusal, type RefusalWord } from '../records/refusal.ts';
import type { RegionStore } from '../records/store.ts';
import { cleanWords } from '../records/text-json.ts';
import type { Actor, CommandRefusal, Deployment, MachineCommand } from './commands.ts';
import {
  type DeployableImage,
  type FindImage,
  findKernelPath,
  isOlderKernel,
  kernelRank,
  type ListImages,
  refuseImage,
} from './deployment.ts';
import { type InstallerDeps, inferDistribution, refuseInstallation } from './installer.ts';
import { refuseWithoutKey } from './logins.ts';

const SYSTEMS = ['debian', 'ubuntu', 'custom'] as const;

const KERNEL_CHARACTERS_MAX = 63;

export type WantedSystem = Pick<Deployment, 'osystem' | 'release' | 'kernel'>;

export interface SystemWish extends WantedSystem {
  /**
   * The oldest one if neither `kernel` nor the machine says which, and the release has one that is
   * new enough; empty: any.
   */
  readonly usualKernel?: string | undefined;
}

export interface StartDeps extends InstallerDeps {
  readonly store: RegionStore;
  readonly clock: Clock;
  readonly racks: Pick<Racks, 'list' | 'images'>;
  readonly networks: Pick<Networks, 'known' | 'look'>;
  readonly findImage?: FindImage | undefined;
  readonly listImages?: ListImages | undefined;
}

/** @param kernel undefined: the usual one */
export async function findDeployable(
  machine: Machine,
  { osystem, release, kernel }: WantedSystem,
  deps: StartDeps,
): Promise<DeployableImage | undefined> {
  const { architecture, subarchitecture } = machine;
  const { racks, clock } = deps;
  const images = await racks.images();
  const available = imagesForMachine(machine, { racks: racks.list(), images, nowMs: clock.wallTimeMs() });
  for (const os of listSystemNames(osystem)) {
    const image = deps.findImage?.({ os, release, architecture, subarchitecture, kernel }, available);
    if (image !== undefined) return image;
  }
  return undefined;
}

const listSystemNames = (osystem: string): readonly string[] => (osystem === '' ? SYSTEMS : [osystem]);

const kernelsText = (names: readonly string[]): string =>
  names.length === 0 ? 'import one that fits' : `there ${names.length === 1 ? 'is' : 'are'} ${names.join(', ')}`;

/**
 * The single system that there are images of for the machine, if a deployment names none and the
 * site has no default.
 */
async function onlySystem(machine: Machine, wanted: WantedSystem, { listImages }: StartDeps): Promise<WantedSystem> {
  if (wanted.release !== '') return wanted;
  const images = ((await listImages?.()) ?? []).filter(
    ({ os, architecture, kind }) =>
      kind === undefined && architecture === machine.architecture && (wanted.osystem === '' || os === wanted.osystem),
  );
  const [listedImage] = images;
  const isOnly = images.every(({ os, release }) => os === listedImage?.os && release === listedImage.release);
  return listedImage === undefined || !isOnly
    ? wanted
    : { ...wanted, osystem: listedImage.os, release: listedImage.release };
}

/**
 * How a deployment that does not say it puts the system on the disk: by an installer only where
 * there is one and no image.
 */
export async function usualWay(
  machine: Machine,
  { osystem, release }: WantedSystem,
  deps: StartDeps,
): Promise<Deployment['deployBy']> {
  if (release === '' || deps.hasInstaller === undefined) return 'image';
  if ((await findDeployable(machine, { osystem, release }, deps)) !== undefined) return 'image';
  const { architecture, subarchitecture } = machine;
  const os = osystem === '' ? inferDistribution(release) : osystem;
  return deps.hasInstaller({ os, release, architecture, subarchitecture }) === true ? 'installer' : 'image';
}

/**
 * Chooses the system of a deployment, by its image's own names. The kernel is the wanted one, else
 * the usual one, or the oldest that is new enough for the machine or the site. A release without a
 * kernel new enough for the site has its usual one. Without any image the system is the wanted one:
 * the command says what is missing.
 */
export async function chooseSystem(
  machine: Machine,
  { usualKernel, ...named }: SystemWish,
  deps: StartDeps,
): Promise<WantedSystem | RefusalWord> {
  const wanted = await onlySystem(machine, named, deps);
  const find = (kernel?: string) => findDeployable(machine, { ...wanted, kernel }, deps);
  const { kernel } = wanted;
  const least = machine.oldestKernel ?? (kernel === undefined ? usualKernel : undefined);
  const image = await find(kernel);
  if (image !== undefined && !isOlderKernel(findKernelPath(image), least)) return describeWantedSystem(image, kernel);
  if (image === undefined && (kernel === undefined || (await find()) === undefined)) return wanted;
  const system = `${wanted.osystem === '' ? '' : `${wanted.osystem}/`}${wanted.release}`;
  const names = await kernelsFor(machine, wanted, deps);
  if (image === undefined) {
    return fieldRefusal(
      `${system} has no kernel ${cleanWords(kernel ?? '', KERNEL_CHARACTERS_MAX)}: ${kernelsText(names)}`,
    );
  }
  const fitting = names.filter((name) => kernelRank(name) !== undefined && !isOlderKernel(name, least));
  if (kernel !== undefined)
    return fieldRefusal(
      `${kernel} is older than ${least ?? ''}, the min_hwe_kernel of the machine: ${kernelsText(fitting)}`,
    );
  const [oldest] = fitting;
  const newer = oldest === undefined ? undefined : await find(oldest);
  if (newer === undefined && machine.oldestKernel === undefined) return describeWantedSystem(image, kernel);
  if (newer === undefined)
    return fieldRefusal(
      `every kernel of ${system} (${names.join(', ')}) is older than ${least ?? ''}, the min_hwe_kernel of the machine: import a newer one`,
    );
  return describeWantedSystem(newer, oldest);
}

const describeWantedSystem = (image: DeployableImage, kernel: string | undefined): WantedSystem => ({
  osystem: image.os,
  release: image.release,
  kernel: findKernelPath(image) ?? kernel,
});

/** The kernels with which the machine can be deployed, the oldest first. */
async function kernelsFor(
  { architecture, ...machine }: Machine,
  wanted: WantedSystem,
  deps: StartDeps,
): Promise<readonly string[]> {
  const systems = new Set(listSystemNames(wanted.osystem));
  const fitting = ((await deps.listImages?.()) ?? []).filter(
    (image) => systems.has(image.os) && image.release === wanted.release && image.architecture === architecture,
  );
  const names: string[] = [];
  for (const kernel of new Set(fitting.map((image) => image.system?.subarch ?? image.subarchitecture))) {
    // Another rack may have it.
    const deployable = await findDeployable({ architecture, ...machine }, { ...wanted, kernel }, deps);
    if (deployable !== undefined) names.push(kernel);
  }
  return names.sort((name, other) => (kernelRank(name) ?? 0) - (kernelRank(other) ?? 0));
}

export async function findStartProblem(
  systemId: string,
  { name, deployment }: MachineCommand,
  by: Actor,
  deps: StartDeps,
): Promise<CommandRefusal | undefined> {
  if (name !== 'deploy' && name !== 'rescue') return undefined;
  const machine = await deps.store.findMachine(systemId);
  if (machine === undefined) return undefined;
  if (name === 'deploy') return await refuseDeployment(machine, deployment, by, deps);
  return await refuseWithoutKey(deps.store, machine.owner ?? by.username, machine);
}

async function refuseDeployment(
  machine: Machine,
  deployment: Deployment | undefined,
  by: Actor,
  deps: StartDeps,
): Promise<CommandRefusal | undefined> {
  const keyless = await refuseWithoutKey(deps.store, machine.owner ?? by.username, machine);
  if (keyless !== undefined) return keyless;
  const laid = refuseLayout(machine, deps.networks.known, deployment?.deployBy ?? 'image', deployment?.disk);
  if (laid !== undefined) return laid;
  if (deployment?.deployBy === 'installer') return await refuseInstallation(machine, deployment, by.username, deps);
  const { osystem = '', release = '', kernel } = deployment ?? {};
  if ((await findDeployable(machine, { osystem, release, kernel }, deps)) !== undefined) return undefined;
  return refuseImage(machine, osystem, release, (await deps.listImages?.()) ?? []);
}
