// Whether a command may start a system on a machine: its image or installer, its layout, and a key with which a person can log in.

import type { Clock } from '../../clock.ts';
import { refuseLayout } from '../layout/deployable.ts';
import type { Networks } from '../networks/networks.ts';
import { imagesForMachine } from '../racks/rack-images.ts';
import type { Racks } from '../racks/racks.ts';
import type { Machine } from '../records/machine.ts';
import type { RegionStore } from '../records/store.ts';
import type { Actor, CommandRefusal, Deployment, MachineCommand } from './commands.ts';
import { type DeployableImage, type FindImage, type ListImages, refuseImage } from './deployment.ts';
import { type InstallerParts, refuseInstallation } from './installer.ts';
import { refuseWithoutKey } from './logins.ts';

/** Distributions tried, in this order, for a release named without one. */
const SYSTEMS = ['debian', 'ubuntu', 'custom'] as const;

/** The sources of the facts that decide whether a machine may start. */
export interface StartParts extends InstallerParts {
  readonly store: RegionStore;
  readonly clock: Clock;
  readonly racks: Pick<Racks, 'list' | 'images'>;
  readonly networks: Pick<Networks, 'known'>;
  /** `undefined` if there is no image store. */
  readonly findImage: FindImage | undefined;
  readonly listImages?: ListImages | undefined;
}

/** The image for a deployment; undefined: none. */
export async function findDeployable(
  machine: Machine,
  osystem: string,
  release: string,
  parts: StartParts,
): Promise<DeployableImage | undefined> {
  const { architecture, subarchitecture } = machine;
  const { racks, clock } = parts;
  const images = await racks.images();
  const available = imagesForMachine(machine, { racks: racks.list(), images, nowMs: clock.wallTimeMs() });
  for (const os of osystem === '' ? SYSTEMS : [osystem]) {
    const found = parts.findImage?.({ os, release, architecture, subarchitecture }, available);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Why a command that starts the machine is refused; `undefined` if the machine may start. */
export async function findStartProblem(
  systemId: string,
  { name, deployment }: MachineCommand,
  by: Actor,
  parts: StartParts,
): Promise<CommandRefusal | undefined> {
  if (name !== 'deploy' && name !== 'rescue') return undefined;
  const machine = await parts.store.findMachine(systemId);
  if (machine === undefined) return undefined;
  if (name === 'deploy') return await refuseDeployment(machine, deployment, by, parts);
  return await refuseWithoutKey(parts.store, machine.owner ?? by.username, machine);
}

async function refuseDeployment(
  machine: Machine,
  deployment: Deployment | undefined,
  by: Actor,
  parts: StartParts,
): Promise<CommandRefusal | undefined> {
  const keyless = await refuseWithoutKey(parts.store, machine.owner ?? by.username, machine);
  if (keyless !== undefined) return keyless;
  const laid = refuseLayout(machine, parts.networks.known, deployment?.deployBy ?? 'image', deployment?.disk);
  if (laid !== undefined) return laid;
  if (deployment?.deployBy === 'installer') return await refuseInstallation(machine, deployment, by.username, parts);
  const { osystem = '', release = '' } = deployment ?? {};
  if ((await findDeployable(machine, osystem, release, parts)) !== undefined) return undefined;
  return refuseImage(machine, osystem, release, (await parts.listImages?.()) ?? []);
}
