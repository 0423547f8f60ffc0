// The words for boots, in events and forecasts: why a file is refused or missing, what a
// configuration does, why a client gets its loader; with the remedy if there is one.

import { counted } from '../ground/counted.ts';
import { formatBytes, formatSpan } from '../ground/quantity.ts';
import type { AwayNetwork } from '../machines/machine.ts';
import { findArchitecture } from './architectures.ts';
import type { QuirkName } from './quirks.ts';

/** Names in capitals keep their spelling. */
export const lowerFirst = (text: string): string =>
  /^[A-Z][a-z ]/.test(text) ? `${text.charAt(0).toLowerCase()}${text.slice(1)}` : text;

/**
 * The meaning of a reason with its name. A reason of another version stays as it is.
 *
 * @param tables by name
 */
export function createReasonLookup(
  ...tables: readonly Readonly<Record<string, string>>[]
): (reason: string | undefined) => string {
  const meanings = new Map(tables.flatMap((table) => Object.entries(table)));
  return (reason) => {
    if (reason === undefined) return 'no reason given';
    const meaning = meanings.get(reason);
    return meaning === undefined ? reason : `${lowerFirst(meaning).replace(/\.$/, '')} (${reason})`;
  };
}

export const FILE_REASONS = {
  'path-not-allowed': 'The name leads out of the boot tree, is too long, or holds a control character.',
  'machine-unknown': 'No machine of that name is known; the loader falls back to its default.',
  'image-missing': 'The kernel or initrd for this architecture and release was never imported; import the image.',
  'not-in-tree': 'There is no such file in the boot tree.',
  'own-file': 'Rackboot keeps this file of the boot tree for itself.',
  'not-readable':
    'The boot tree has this file, but the user that runs Rackboot may not read it: sudo chmod -R a+rX it.',
  'several-spellings':
    'The boot tree has several files whose names differ from this one in upper and lower case only: keep one of them, or ask by its name.',
};
/** Why no file of the tree answers, although its name is allowed. */
export type MissingReason = keyof typeof FILE_REASONS;
export type AssetRefusal = Exclude<MissingReason, 'not-in-tree' | 'own-file' | 'not-readable' | 'several-spellings'>;

/** What a configuration brings to a machine, by purpose. */
export const PURPOSE_SENTENCES: Readonly<Record<string, string>> = {
  enlist: 'to enlist',
  commissioning: 'to run the ephemeral environment',
  install: 'to install its system',
  local: 'to boot its own disk',
  poweroff: 'to power off (nothing to do)',
  profile: 'to boot a profile, whose name follows a colon',
  chain: 'to identify itself and ask again',
  'image-missing': 'that its kernel and initrd are not in the boot tree',
  'no-boot-http': 'that this rack has no HTTP listener to report to',
  'arguments-not-quotable': 'that its kernel arguments cannot be quoted',
  'profile-file-missing': 'that a file of its profile is not in the boot tree',
  'profile-value-missing': 'that its profile needs a value that it lacks',
  'loader-cannot': 'that its loader cannot start its profile',
};

/** What a machine is told: `to boot its own disk`. */
export function purposeText(purpose: string): string {
  const [kind, name] = purpose.split(':');
  return kind === 'profile' ? `to boot the profile ${name}` : (PURPOSE_SENTENCES[purpose] ?? purpose);
}

/** The sentences of configurations that can only explain a problem, by purpose. */
export const PURPOSE_PROBLEMS: Readonly<Record<string, string>> = {
  'image-missing':
    'its kernel and initrd are not in the boot tree: `sudo rackboot images build` builds the environment, `sudo rackboot images import-installer` adds an installer',
  'no-boot-http': 'this rack has no HTTP listener to report to: set boot.http.listen',
  'arguments-not-quotable':
    "its kernel arguments cannot be quoted: correct boot.kernel_params, or this machine's arguments or name",
  'profile-file-missing': 'a file of its profile is not in the boot tree: put it there',
  'profile-value-missing':
    'its profile names a value that it lacks, such as a host name: correct the profile, or let the machine enlist first',
  'loader-cannot':
    'its loader cannot start its profile: put iPXE and memdisk into the boot tree (`sudo rackboot images build`), or let its firmware start by UEFI',
};

/** @param menuSeconds how long a menu waits before that; `undefined`: there is none */
export function configuredText(purpose: string, menuSeconds?: number): string {
  const menu =
    menuSeconds === undefined
      ? ''
      : ` with a menu of ${formatSpan(menuSeconds * 1000)}, which without a choice goes on`;
  const loaded = `Loaded its configuration${menu}`;
  const text = purposeText(purpose);
  if (text.startsWith('to ')) return `${loaded} ${text}`;
  return text.startsWith('that ') ? `${loaded}, which says ${text}` : `${loaded} (${text})`;
}

/** What the tree has in place of a file, in parentheses. */
export const foundText = ({ found }: { readonly found?: string | undefined }): string =>
  found === undefined ? '' : ` (it has ${found})`;

export const fileText = ({ file }: { readonly file?: string | undefined }): string => file ?? 'a file';

interface Loaded {
  readonly bytes?: number | undefined;
  readonly milliseconds?: number | undefined;
}

/** Empty if unknown. */
export function speedText({ bytes, milliseconds }: Loaded): string {
  if (bytes === undefined) return '';
  const size = formatBytes(bytes);
  return milliseconds === undefined ? size : `${size} in ${formatSpan(milliseconds)}`;
}

export const loadedSizeText = ({ bytes }: Loaded): string => formatBytes(bytes ?? 0);

/** Details in parentheses; empty if there are none. */
export function detailsText(...parts: readonly string[]): string {
  const nonEmpty = parts.filter((part) => part !== '');
  return nonEmpty.length === 0 ? '' : ` (${nonEmpty.join(', ')})`;
}

export const listenerText = (place: {
  readonly address?: string | undefined;
  readonly port?: number | undefined;
}): string => `${place.address ?? 'every address'}:${place.port ?? 0}`;

export const homeText = ({ home, homeAddress = '' }: Pick<AwayNetwork, 'home' | 'homeAddress'>): string =>
  home ?? `with another rack (${homeAddress})`;

interface PlanFacts {
  readonly client?: string | undefined;
  readonly architecture?: number | undefined;
  readonly loaderKey?: string | undefined;
  readonly loaderClass?: string | undefined;
  readonly quirk?: string | undefined;
  readonly quirkArchitecture?: number | undefined;
  readonly loopFile?: string | undefined;
  readonly loopLoads?: number | undefined;
}

export const QUIRK_FIRMWARE: Readonly<Record<QuirkName, string>> = {
  'raspberry-pi': 'Raspberry Pi boot ROM and bootloader',
  'boot-server': 'UEFI that ignores the boot file of an offer without an address',
  'plain-tftp': 'BIOS with a ROM under which lpxelinux cannot load by HTTP',
  none: 'firmware mistaken for another',
};

/** @param client `undefined`: the architecture alone decided */
export function clientText(client: string | undefined, architecture: number): string {
  const cpu = findArchitecture(architecture)?.cpu;
  switch (client) {
    case 'bios':
      return 'BIOS, PXE';
    case 'ipxe':
      return 'iPXE';
    case 'uefi':
      return `UEFI ${cpu ?? architecture}, PXE`;
    case 'uefi-http':
      return `UEFI ${cpu ?? architecture}, HTTP boot`;
    case 'u-boot':
      return `U-Boot, architecture ${architecture}`;
    default:
      return `architecture ${architecture}`;
  }
}

/** Empty for a client that does not boot from the network. */
export function planText(facts: PlanFacts): string {
  const { client, architecture, loaderKey, loaderClass, quirk, quirkArchitecture, loopFile, loopLoads = 0 } = facts;
  if (client === undefined || architecture === undefined) return '';
  const key = loaderClass === undefined ? `boot.loaders ${loaderKey}` : `loaders ${loaderKey} of class ${loaderClass}`;
  const firmware = Object.entries(QUIRK_FIRMWARE).find(([name]) => name === quirk)?.[1];
  const parts = [
    quirkArchitecture === undefined ? clientText(client, architecture) : clientText(undefined, quirkArchitecture),
    ...(loaderKey === undefined ? [] : [key]),
    ...(quirk === undefined ? [] : [`quirk ${quirk}${firmware === undefined ? '' : `: ${firmware}`}`]),
  ];
  const loop = loopFile === undefined ? '' : `, and ${loopFile} was loaded ${counted(loopLoads, 'time')} in a loop`;
  return `${parts.join('; ')}${loop}`;
}
