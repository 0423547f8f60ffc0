// Profiles: what a site lets machines boot besides what their life asks for, and which machine boots which.
//
// Sources: Matchbox's profiles and groups (what operators expect of the terms); cloud-init and
// Ignition (arguments that name a URL).
//
// 1. A file is a path of the boot tree, or an http or https URL without credentials. A profile
//    never makes another file of a host readable.
// 2. A value stands for itself in every loader: paths and URLs have no character that one of them interprets.
// 3. The narrowest profile wins: a machine's own, then one of its tags, then that of its pool, then
//    the one for machines nobody knows; of several alike the first in the list.
// 4. A host chooses its own name, and an ordinary user the name of a device, so neither finds a
//    profile: an `isSelfNamed` machine has its system id and hardware addresses alone, and a device
//    of a user counts as unknown (`decision.ts`).
// 5. A machine at work for the region (commissioning, deploying, rescue, …) boots what the work
//    needs. Its profile waits.

import { formatMac, type MacAddress, parseMac } from '../ground/address.ts';
import { DEVICE_STATE, type RackMachine } from '../machines/machine.ts';
import { isPlainName } from './images.ts';

/**
 * - `kernel`: a kernel, initrds, arguments.
 * - `iso`: an image of a disc. - `disk`: an image of a disk, in memory where the firmware allows it.
 * - `efi`: a program for UEFI. - `ipxe`: a script.
 */
export const PROFILE_KINDS = ['kernel', 'iso', 'disk', 'efi', 'ipxe'] as const;

interface ProfileInitrd {
  readonly file: string;
  /** Under which the kernel finds it, as wimboot wants; `undefined`: the kernel unpacks it. */
  readonly name?: string | undefined;
}

/** The machines that a profile is for. */
interface ProfileTargets {
  readonly name: string;
  /** Only machines of this architecture boot it; `undefined`: all. */
  readonly architecture?: string | undefined;
  /** System ids, host names, and hardware addresses as `formatMac` writes them. */
  readonly machines: readonly string[];
  readonly tags: readonly string[];
  readonly pools: readonly string[];
  /** True: also machines that nobody knows. */
  readonly unknown: boolean;
  /** Machines that do not boot it, whatever their tags and pool; named as in `machines`. */
  readonly except: readonly string[];
}

/** A profile as it is written and stored. A field that the kind has no use for is empty. */
export interface Profile extends ProfileTargets {
  /** For people, on the screen too; empty: the name. */
  readonly title: string;
  readonly kind: (typeof PROFILE_KINDS)[number];
  readonly file: string;
  /** Of a kernel, as `parseProfileInitrd` reads them. */
  readonly initrds: readonly string[];
  /** Of a kernel, with placeholders. */
  readonly arguments: string;
  /** With placeholders. */
  readonly script: string;
  /** True: the menu shows it. */
  readonly offered: boolean;
}

export const profileTitle = ({ title, name }: Pick<Profile, 'title' | 'name'>): string => (title === '' ? name : title);

/** Profiles of one rack. Each boot is compared with all of them. */
export const PROFILES_MAX = 256;
export const PROFILE_NAME_MAX = 63;
export const PROFILE_TITLE_MAX = 100;
export const PROFILE_INITRDS_MAX = 32;
export const PROFILE_SCRIPT_MAX = 4096;

const FILE_CHARACTERS_MAX = 300;
/** A URL without user name, fragment, comma or space: pxelinux separates initrds by commas. */
const URL_FORM = /^https?:\/\/[A-Za-z0-9][A-Za-z0-9.-]*(?::\d{1,5})?\/[A-Za-z0-9._~%+=&?/-]+$/;

/** `undefined` if the text is neither a path of the tree nor a URL. */
export function parseBootFile(text: string): string | undefined {
  if (text.length > FILE_CHARACTERS_MAX) return undefined;
  return URL_FORM.test(text) || text.split('/').every(isPlainName) ? text : undefined;
}

/** Parses `FILE` or `NAME=FILE`; `undefined` if the text is neither. */
export function parseProfileInitrd(text: string): ProfileInitrd | undefined {
  const [, name, rest = text] = /^([A-Za-z0-9][A-Za-z0-9._-]{0,63})=(.*)$/.exec(text) ?? [];
  const file = parseBootFile(rest);
  return file === undefined ? undefined : { file, name };
}

/** A machine's name in a list of a profile, with a hardware address as `formatMac` writes it. */
export function parseMachineName(text: string): string | undefined {
  const mac = parseMac(text);
  if (mac !== undefined) return formatMac(mac);
  const name = text.toLowerCase();
  return /^[a-z0-9][a-z0-9-]{0,62}$/.test(name) ? name : undefined;
}

/** The values that a template may name. */
export const PROFILE_VALUES = ['hostname', 'domain', 'system_id', 'mac', 'uuid', 'address', 'base_url'] as const;
export type ProfileValues = { readonly [Name in (typeof PROFILE_VALUES)[number]]: string | undefined };
/** The values that only a machine of the region has. */
const MACHINE_VALUES: readonly string[] = ['hostname', 'domain', 'system_id', 'uuid'];

/** `{name}`; `${name}` is a setting of iPXE. */
const PLACEHOLDER = /(?<!\$)\{([A-Za-z_]+)\}/g;

type Name = (typeof PROFILE_VALUES)[number];
const isName = (name: string): name is Name => PROFILE_VALUES.some((value) => value === name);

/** Values that pass every check of a template's form. */
export const SAMPLE_VALUES: ProfileValues = {
  hostname: 'calm-eagle',
  domain: 'maas',
  system_id: 'abc123',
  mac: '52:54:00:12:34:56',
  uuid: '4c4c4544-0043-3010-8052-b4c04f564d31',
  address: '10.20.0.100',
  base_url: 'http://10.20.0.1:5248',
};

/**
 * A name in a template that has no value, or no value for machines that nobody knows; `undefined`:
 * there is none.
 */
export function findUnknownValue(template: string, forUnknown: boolean): string | undefined {
  const names = [...template.matchAll(PLACEHOLDER)].map(([, name = '']) => name);
  return names.find((name) => !isName(name) || (forUnknown && MACHINE_VALUES.includes(name)));
}

type Filled = { readonly ok: true; readonly text: string } | { readonly ok: false; readonly missing: string };

export function fillTemplate(template: string, values: ProfileValues): Filled {
  let missing: string | undefined;
  const text = template.replaceAll(PLACEHOLDER, (whole, name: string) => {
    const value = isName(name) ? values[name] : whole;
    if (value === undefined) missing ??= name;
    return value ?? '';
  });
  return missing === undefined ? { ok: true, text } : { ok: false, missing };
}

/** The pool of machines in no other. */
const DEFAULT_POOL = 'default';

/** What decides about a machine's profile. */
export interface ProfileSubject {
  /** `undefined`: nobody knows it. */
  readonly machine:
    | Pick<RackMachine, 'systemId' | 'hostname' | 'isSelfNamed' | 'statusName' | 'tags' | 'pool'>
    | undefined;
  readonly macs: readonly MacAddress[];
  readonly architecture: string;
}

/** True while it works for the region: it has a boot token then, as far as this rack may give it. */
export const isAtWork = ({ purpose, bootToken }: Pick<RackMachine, 'purpose' | 'bootToken'>): boolean =>
  purpose === 'commissioning' || purpose === 'install' || bootToken !== undefined;

/** The profile that this machine is to boot, unless it is at work; `undefined`: none. */
export function findProfile<P extends ProfileTargets>(profiles: readonly P[], subject: ProfileSubject): P | undefined {
  const { machine } = subject;
  const fitting = profiles.filter((profile) => fitsArchitecture(profile, subject.architecture));
  const own = fitting.find(({ machines }) => namesMachine(machines, subject));
  if (own !== undefined) return own;
  const wide = fitting.filter(({ except }) => !namesMachine(except, subject));
  if (machine === undefined) return wide.find(({ unknown }) => unknown);
  if (machine.statusName === DEVICE_STATE) return undefined;
  const { tags = [], pool = DEFAULT_POOL } = machine;
  return (
    wide.find((profile) => profile.tags.some((tag) => tags.includes(tag))) ??
    wide.find(({ pools }) => pools.includes(pool))
  );
}

export const fitsArchitecture = (profile: ProfileTargets, architecture: string): boolean =>
  profile.architecture === undefined || profile.architecture === architecture;

/** True if a list of machines names this one. */
export function namesMachine(
  list: readonly string[],
  { machine, macs }: Omit<ProfileSubject, 'architecture'>,
): boolean {
  if (list.length === 0) return false;
  if (machine !== undefined && list.includes(machine.systemId)) return true;
  if (machine !== undefined && machine.isSelfNamed !== true && list.includes(machine.hostname)) return true;
  return macs.some((mac) => list.includes(formatMac(mac)));
}
