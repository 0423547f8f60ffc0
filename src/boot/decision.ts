// What a machine does next: from what the region wants of it, and from what the tree holds.
//
// 1. A machine that is not known enlists itself; it is never told to start its disk or to switch off.
// 2. `install` runs the installer of the machine's release where the tree has one, else the ephemeral environment, which writes
//    an image.
// 3. A machine that cannot start what it should starts nothing else instead.
// 4. A machine enlists with what the configuration says: the ephemeral environment, or an installer whose preseed runs the agent.

import { unreachable } from '../errors.ts';
import type { RackMachine } from '../machines/machine.ts';
import type { BootConfig } from './config.ts';
import { type BootImage, describeImage, findImage, type HasFile, type ImageQuery, isPlainName } from './images.ts';
import {
  ENLIST_INSTALLER,
  ephemeralWords,
  installerWords,
  type KernelLineFacts,
  liveInstallerWords,
  machinePreseedPath,
  machineSeedPath,
  NO_BMC_USER,
  parseKernelParams,
} from './kernel-line.ts';
import { preseedSecret } from './preseed-secret.ts';
import type { BootStep } from './step.ts';

/** Who is to do something. */
export interface StepQuery {
  /** Undefined: nobody knows it. */
  readonly machine: RackMachine | undefined;
  /** What the loader says of an unknown machine; undefined: it says nothing. */
  readonly architecture: string | undefined;
  readonly subarchitecture: string | undefined;
  /** The boot HTTP listener; undefined: there is none. */
  readonly baseUrl: string | undefined;
  /** The token of this boot; undefined: it gets none. */
  readonly token?: string | undefined;
}

/** A step, with its names for the timeline and for the machine's screen. */
export interface Decision {
  readonly step: BootStep;
  /** The machine's purpose, or `image-missing`, `no-boot-http`, `arguments-not-quotable`. */
  readonly purpose: string;
  readonly title: string;
}

/** What an unknown machine is taken for when its loader does not say: pxelinux runs on BIOS machines only. */
const DEFAULT_ARCHITECTURE = 'amd64';

/** Decides a step from configuration and tree. */
export function decideStep(
  query: StepQuery,
  context: { readonly config: BootConfig; readonly hasFile: HasFile },
): Decision {
  const { machine } = query;
  const name = machine?.hostname ?? 'unknown machine';
  const purpose = machine?.purpose ?? 'enlist';
  const architecture = machine?.architecture ?? query.architecture ?? DEFAULT_ARCHITECTURE;
  switch (purpose) {
    case 'local':
      return { step: { kind: 'local', architecture }, purpose, title: `${name}: starting the local disk` };
    case 'poweroff':
      return { step: { kind: 'poweroff', architecture }, purpose, title: `${name}: nothing to do, switching off` };
    case 'enlist':
    case 'commissioning':
    case 'install':
      return decideKernel(purpose, name, query, context);
    default:
      return unreachable(purpose);
  }
}

function decideKernel(
  purpose: 'enlist' | 'commissioning' | 'install',
  name: string,
  query: StepQuery,
  context: { readonly config: BootConfig; readonly hasFile: HasFile },
): Decision {
  const { config, hasFile } = context;
  const { machine, baseUrl } = query;
  if (baseUrl === undefined) {
    return explain('no-boot-http', name, [
      'this rack has no HTTP listener that a machine could report to.',
      'Name one under boot.http.listen.',
    ]);
  }
  const own = machine?.release === undefined ? [] : [machine.release];
  const ephemeral: ImageQuery = {
    architecture: machine?.architecture ?? query.architecture ?? DEFAULT_ARCHITECTURE,
    subarchitecture: machine?.subarchitecture ?? query.subarchitecture ?? 'generic',
    releases: [...own, config.commissioningRelease],
    directory: 'commissioning',
  };
  const installer: ImageQuery = {
    ...ephemeral,
    directory: 'install',
    releases: own.length > 0 ? own : ephemeral.releases,
  };
  const enlistsByInstaller = purpose === 'enlist' && config.enlistWith === 'installer';
  const installerImage = purpose === 'install' || enlistsByInstaller ? findImage(installer, hasFile) : undefined;
  const image = installerImage ?? (enlistsByInstaller ? undefined : findImage(ephemeral, hasFile));
  if (image === undefined) {
    return explain('image-missing', name, [
      `no kernel and initrd for ${describeImage(purpose === 'install' || enlistsByInstaller ? installer : ephemeral)}.`,
      enlistsByInstaller ? 'Run on the rack: rackboot images import-installer' : 'Import the image on the rack.',
    ]);
  }

  const params = parseKernelParams(machine?.kernelParams ?? config.kernelParams);
  if (!params.ok) {
    return explain('arguments-not-quotable', name, [
      `the kernel arguments cannot be used: ${params.refusal}.`,
      'Correct kernel_params of the rack, or the arguments of this machine.',
    ]);
  }
  const ours = purpose === 'enlist' && !config.bmcUser ? [NO_BMC_USER] : [];
  const facts = { purpose, rackbootUrl: `${baseUrl}/MAAS`, token: query.token, params: [...ours, ...params.words] };
  const title = `${name}: ${purpose}, ${image.kernel.slice(0, image.kernel.lastIndexOf('/'))}`;
  if (enlistsByInstaller) {
    return {
      step: { kind: 'kernel', image, words: installerWords({ ...facts, ...ENLIST_INSTALLER }) },
      purpose,
      title,
    };
  }
  if (installerImage === undefined || machine === undefined) {
    return { step: { kind: 'kernel', image, words: ephemeralWords(facts) }, purpose, title };
  }
  const { systemId, hostname, domain } = machine;
  if (![systemId, hostname, domain].every(isPlainName)) {
    return explain('arguments-not-quotable', name, [
      'the name or domain of this machine cannot stand on a kernel line.',
      'Rename it.',
    ]);
  }
  return { step: { kind: 'kernel', image, words: wordsOfInstaller(machine, image, baseUrl, facts) }, purpose, title };
}

/** What the installer of a known machine is told. By its key, which is in its preseed, it says all that it has to: the token stays here. */
function wordsOfInstaller(
  { systemId, hostname, domain }: RackMachine,
  { iso }: BootImage,
  baseUrl: string,
  { token, ...facts }: KernelLineFacts,
): readonly string[] {
  const secret = token === undefined ? undefined : preseedSecret(token);
  if (iso !== undefined)
    return liveInstallerWords({ ...facts, seedPath: machineSeedPath(systemId, secret), isoUrl: `${baseUrl}/${iso}` });
  return installerWords({ ...facts, preseedPath: machinePreseedPath(systemId, secret), hostname, domain });
}

function explain(purpose: string, name: string, lines: readonly string[]): Decision {
  return { step: { kind: 'explain', lines }, purpose, title: `${name}: ${purpose}` };
}
