// Decides a machine's next step, from the desired state and the tree.
//
// 1. An unknown machine enlists. One with an interface of a device that may be enlisted counts as
//    unknown, for profiles too. Neither is ever told to start its disk or to power off.
// 2. `install` runs the installer of the machine's release if there is one, else the ephemeral
//    environment, which writes an image.
// 3. A machine that cannot start its step starts nothing else instead.
// 4. The configuration says what enlists: the ephemeral environment, an installer whose preseed
//    runs the agent, or an imported system whose cloud-init does. All other work is done in the
//    ephemeral environment.
// 5. A profile takes the place of a step that is no work (profile.ts). Where a menu is shown, the
//    machine's own step is its first entry, and a machine nobody knows can register.

import { unreachable } from '../ground/errors.ts';
import { DEVICE_STATE, type RackMachine } from '../machines/machine.ts';
import { type BootImage, describeImage, findImage, type ImageQuery, isPlainName, type RealOf } from './images.ts';
import { findImported, formatImportedName, type ImportedImage, type ImportedName } from './imported-images.ts';
import {
  ENLIST_INSTALLER,
  ephemeralWords,
  importedWords,
  installerWords,
  type KernelLineFacts,
  liveInstallerWords,
  machinePreseedPath,
  machineSeedPath,
  NO_BMC_USER,
  parseKernelParams,
} from './kernel-line.ts';
import { preseedSecret } from './preseed-secret.ts';
import { findProfile, fitsArchitecture, isAtWork, profileTitle } from './profile.ts';
import { decideProfile } from './profile-step.ts';
import type { BootStep, Decision, MenuEntry, StepContext, StepQuery } from './step.ts';

/** The menu's entry with which a machine nobody knows enlists. */
const REGISTER = 'Register this machine';
/** Assumed if the loader does not say: pxelinux runs only on BIOS machines. */
const DEFAULT_ARCHITECTURE = 'amd64';

export function decideStep(stepQuery: StepQuery, context: StepContext): Decision {
  const isOpenDevice = stepQuery.machine?.statusName === DEVICE_STATE && stepQuery.machine.purpose === 'enlist';
  const query = isOpenDevice ? { ...stepQuery, machine: undefined } : stepQuery;
  const { profiles = [], menuSeconds = 0 } = context.config;
  const isBusy = query.machine !== undefined && isAtWork(query.machine);
  if (isBusy || profiles.length === 0) return decideOwnStep(query, context);
  const { machine, mac } = query;
  const macs = [...(machine?.macs ?? []), ...(mac === undefined ? [] : [mac])];
  const architecture = machine?.architecture ?? query.architecture ?? DEFAULT_ARCHITECTURE;
  const profile = findProfile(profiles, { machine, macs, architecture });
  const decision = profile === undefined ? decideOwnStep(query, context) : decideProfile(profile, query, context);
  const offered =
    menuSeconds === 0 ? [] : profiles.filter((profile) => profile.offered && fitsArchitecture(profile, architecture));
  const choices = offered.flatMap((profile) =>
    menuEntry(profileTitle(profile), decideProfile(profile, query, context).step),
  );
  if (choices.length === 0) return decision;
  const isUnknown = machine === undefined;
  const isRegistering = isUnknown && profile === undefined;
  const register = isUnknown && !isRegistering ? menuEntry(REGISTER, decideOwnStep(query, context).step) : [];
  const first = menuEntry(isRegistering ? REGISTER : decision.title, decision.step);
  const entries = [...first, ...register, ...choices];
  return { ...decision, step: { kind: 'menu', seconds: menuSeconds, entries } };
}

/** Empty for a step that no menu offers. */
const menuEntry = (title: string, step: BootStep): readonly MenuEntry[] =>
  step.kind === 'menu' || step.kind === 'chain' ? [] : [{ title, step }];

/** What the machine's life asks for. */
function decideOwnStep(query: StepQuery, context: StepContext): Decision {
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
  context: StepContext,
): Decision {
  const { config } = context;
  const { machine, baseUrl } = query;
  if (baseUrl === undefined) {
    return explainMissing('no-boot-http', name, [
      'this rack has no HTTP listener for machines to report to.',
      'Name one under boot.http.listen.',
    ]);
  }
  const system = findSystem(purpose, query, context);
  if (system.kind === 'absent') {
    return explainMissing(system.purpose, name, system.lines);
  }
  const params = parseKernelParams(machine?.kernelParams ?? config.kernelParams);
  if (!params.ok) {
    return explainMissing('arguments-not-quotable', name, [
      `the kernel arguments cannot be used: ${params.refusal}.`,
      'Correct kernel_params of the rack, or the arguments of this machine.',
    ]);
  }
  const ours = purpose === 'enlist' && !config.bmcUser ? [NO_BMC_USER] : [];
  const facts = { purpose, rackbootUrl: `${baseUrl}/MAAS`, token: query.token, params: [...ours, ...params.words] };
  // A boot for `commissioning` may also write an image, erase disks or rescue.
  const task = machine === undefined || purpose === 'enlist' ? 'enlisting' : machine.statusName;
  const { kernel } = system.image;
  const title = `${name}: ${task}, ${kernel.slice(0, kernel.lastIndexOf('/'))}`;
  const booted = ofOneVersion(system, context.realOf);
  const { kernel: path, initrd, deviceTree } = booted.image;
  const words = wordsFor(booted, machine, baseUrl, facts);
  if (words === undefined) {
    return explainMissing('arguments-not-quotable', name, [
      'the name or domain of this machine cannot stand on a kernel line.',
      'Rename it.',
    ]);
  }
  return { step: { kind: 'kernel', kernel: path, initrds: [{ file: initrd }], words, deviceTree }, purpose, title };
}

type FoundSystem =
  | { readonly kind: 'environment' | 'installer' | 'enlisting-installer'; readonly image: BootImage }
  | { readonly kind: 'imported'; readonly image: ImportedImage };

/** A purpose, and lines for the screen. */
interface AbsentSystem {
  readonly kind: 'absent';
  readonly purpose: 'image-missing';
  readonly lines: readonly string[];
}

/**
 * An imported system by the paths of one version: the names may meanwhile come to lead to another,
 * or nowhere.
 */
function ofOneVersion(system: FoundSystem, realOf: RealOf | undefined): FoundSystem {
  if (system.kind !== 'imported' || realOf === undefined) return system;
  const real = (path: string): string => realOf(path) ?? path;
  const { kernel, initrd, deviceTree, root } = system.image;
  const image = { kernel: real(kernel), initrd: real(initrd), deviceTree, root: { ...root, path: real(root.path) } };
  return { kind: 'imported', image };
}

function findSystem(
  purpose: 'enlist' | 'commissioning' | 'install',
  { machine, ...query }: StepQuery,
  { config, hasFile }: StepContext,
): FoundSystem | AbsentSystem {
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
  const enlistWith = purpose === 'enlist' ? config.enlistWith : 'environment';
  if (typeof enlistWith === 'object') {
    const image = findImported(enlistWith, ephemeral, hasFile);
    return image === undefined ? importedAbsent(enlistWith, ephemeral.architecture) : { kind: 'imported', image };
  }
  if (purpose === 'install' || enlistWith === 'installer') {
    const image = findImage(installer, hasFile);
    if (image !== undefined) return { kind: purpose === 'install' ? 'installer' : 'enlisting-installer', image };
    if (enlistWith === 'installer') return imageAbsent(installer);
  }
  const image = findImage(ephemeral, hasFile);
  if (image !== undefined) return { kind: 'environment', image };
  return imageAbsent(purpose === 'install' ? installer : ephemeral);
}

function imageAbsent(query: ImageQuery): AbsentSystem {
  const lines = [`no kernel and initrd for ${describeImage(query)}.`, missingImageRemedy(query)];
  return { kind: 'absent', purpose: 'image-missing', lines };
}

function importedAbsent(name: ImportedName, architecture: string): AbsentSystem {
  const arch = architecture === DEFAULT_ARCHITECTURE ? '' : ` --arch ${architecture}`;
  const command = `rackboot images import ${name.os}/${name.release} --source maas${arch}`;
  const lines = [`no imported ${formatImportedName(name)} for ${architecture}.`, `Run on the rack: ${command}`];
  return { kind: 'absent', purpose: 'image-missing', lines };
}

/** `undefined` if the machine's name cannot stand among them. */
function wordsFor(
  system: FoundSystem,
  machine: RackMachine | undefined,
  baseUrl: string,
  facts: KernelLineFacts,
): readonly string[] | undefined {
  switch (system.kind) {
    case 'imported': {
      const { kind, path } = system.image.root;
      return importedWords({ ...facts, root: { kind, url: `${baseUrl}/${path}` } });
    }
    case 'enlisting-installer':
      return installerWords({ ...facts, ...ENLIST_INSTALLER });
    case 'environment':
      return ephemeralWords(facts);
    case 'installer': {
      if (machine === undefined) return ephemeralWords(facts);
      const { systemId, hostname, domain } = machine;
      if (![systemId, hostname, domain].every(isPlainName)) return undefined;
      return wordsOfInstaller(machine, system.image, baseUrl, facts);
    }
    default:
      return unreachable(system);
  }
}

/**
 * The command that brings an image; an installer of another distribution than Debian is put into
 * the tree by hand.
 */
function missingImageRemedy({ architecture, directory, releases }: ImageQuery): string {
  const arch = architecture === DEFAULT_ARCHITECTURE ? '' : ` --arch ${architecture}`;
  if (directory === 'commissioning') return `Run on the rack: rackboot images build${arch}`;
  return `Run on the rack, for Debian: rackboot images import-installer --release ${releases[0] ?? ''}${arch}`;
}

/** The installer reports with the key in its preseed, so it needs no token. */
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

function explainMissing(purpose: string, name: string, lines: readonly string[]): Decision {
  return { step: { kind: 'explain', lines }, purpose, title: `${name}: ${purpose}` };
}
