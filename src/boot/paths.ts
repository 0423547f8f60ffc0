// The paths that loaders ask for, in one module for DHCP, TFTP and HTTP.
//
//   pxelinux.cfg/01-52-54-00-12-34-56        by hardware address (01: Ethernet)
//   pxelinux.cfg/4c4c4544-0043-…             by SMBIOS UUID
//   pxelinux.cfg/0A140064                    by address; then shortened digit by digit
//   pxelinux.cfg/default[-arch[-subarch]]    for any machine (default.arch too)
//   ppc64el/pxelinux.cfg/…, s390x/…          the same, from firmware that reads pxelinux configurations and got such a prefix
//   grub/grub.cfg                            the first name GRUB asks for; does not identify the machine
//   grub/grub.cfg-52:54:00:12:34:56          with colons, as GRUB writes it, or dashes
//   grub/grub.cfg-default-arch[-subarch]
//   ipxe.cfg, ipxe.cfg-<mac>, ipxe.cfg-default-arch[-subarch]
//
// Debian's signed GRUB has a built-in directory: `/grub` in grubnetx64.efi.signed,
// `/debian-installer/amd64/grub` in grubnetx64-installer.efi.signed, `/EFI/debian` in the one for
// disks. So grub.cfg is recognised in every directory except `x86_64-efi` and the like, where
// grubnetx64 first looks for one of the platform.
//
// Sources: syslinux wiki "PXELINUX" (order of names); memdisk of Debian 12's grubnetx64.efi.signed;
// captures of shim's requests.
//
// 1. A normalised path is relative, separates names by `/`, and contains no empty name, no `.`, no
//    `..` and no control character.
// 2. `parseBootPath(formatConfigPath(x))` is x.

import { formatMac, type Ipv4, ipv4, type MacAddress, parseMac } from '../ground/address.ts';
import { unreachable } from '../ground/errors.ts';
import { EFI_SUFFIXES, parseCpu } from './architectures.ts';

/** In bytes of UTF-8. */
export const BOOT_PATH_BYTES_MAX = 512;

export const baseName = (file: string): string => file.slice(file.lastIndexOf('/') + 1);

export const isUrl = (file: string): boolean => /^[a-z][a-z0-9+.-]*:\/\//i.test(file);

export type LoaderLanguage = 'pxelinux' | 'grub' | 'ipxe';

/** What a path says of the machine. */
export type ConfigIdentity =
  | { readonly kind: 'mac'; readonly mac: MacAddress }
  /** Lower case, in the loader's byte order. */
  | { readonly kind: 'uuid'; readonly uuid: string }
  | { readonly kind: 'address'; readonly address: Ipv4 }
  /** pxelinux tries these on its way to the default: the first digits of an address. */
  | { readonly kind: 'address-prefix'; readonly digits: string }
  /** For any machine; `architecture` by its MAAS name. */
  | {
      readonly kind: 'default';
      readonly architecture?: string | undefined;
      readonly subarchitecture?: string | undefined;
    }
  /** The loader's first name. */
  | { readonly kind: 'first' };

/** A parsed path. */
export type BootPath =
  | {
      readonly kind: 'config';
      readonly path: string;
      readonly language: LoaderLanguage;
      readonly identity: ConfigIdentity;
    }
  /** A file; `fallback` is a well-known loader, requested in another place. */
  | { readonly kind: 'file'; readonly path: string; readonly fallback?: string | undefined }
  | { readonly kind: 'refused' };

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
/** `default`, then architecture and sub-architecture, or MAAS's `default.arch`. */
const DEFAULT_NAME = /^default(?:[-.]([a-z0-9_]+)(?:-([a-z0-9][a-z0-9._-]*))?)?$/;
/**
 * The directories in which GRUB looks for modules, and grubnetx64's memdisk for a platform's
 * grub.cfg.
 */
const GRUB_PLATFORM = /(?:^|\/)(?:x86_64|i386|arm64|arm|riscv64|loongarch64)-(?:efi|pc)\//;

/**
 * Makes a path relative to the tree: backslashes become slashes, empty names and `.` are dropped.
 *
 * @returns `undefined` for `..`, a control character, an empty path, or more than BOOT_PATH_BYTES_MAX
 */
export function normalizePath(rawPath: string): string | undefined {
  if (Buffer.byteLength(rawPath) > BOOT_PATH_BYTES_MAX || /[\u0000-\u001f\u007f]/.test(rawPath)) return undefined;
  const names = rawPath.split(/[/\\]/).filter((name) => name !== '' && name !== '.');
  return names.length === 0 || names.includes('..') ? undefined : names.join('/');
}

/** Never throws. */
export function parseBootPath(rawPath: string): BootPath {
  const path = normalizePath(rawPath);
  if (path === undefined) return { kind: 'refused' };

  const pxelinux = /^(?:(ppc64el|s390x)\/)?pxelinux\.cfg\/([^/]+)$/.exec(path);
  const identity = pxelinux?.[2] === undefined ? undefined : parsePxelinuxName(pxelinux[2], pxelinux[1]);
  if (identity !== undefined) return { kind: 'config', path, language: 'pxelinux', identity };

  const suffixed = /^(?:(?:.*\/)?(grub)\.cfg|(ipxe)\.cfg)(?:-(.+))?$/.exec(path);
  if (suffixed !== null && !GRUB_PLATFORM.test(path)) {
    const identity = suffixed[3] === undefined ? ({ kind: 'first' } as const) : parseSuffix(suffixed[3]);
    const language = suffixed[1] === undefined ? 'ipxe' : 'grub';
    if (identity !== undefined) return { kind: 'config', path, language, identity };
  }
  return { kind: 'file', path, fallback: findLoaderName(path) };
}

/** @param directory the architecture of the directory, if any */
function parsePxelinuxName(name: string, directory: string | undefined): ConfigIdentity | undefined {
  const lower = name.toLowerCase();
  const digits = /^01-([0-9a-f]{2}(?:-[0-9a-f]{2}){5})$/.exec(lower)?.[1];
  const mac = digits === undefined ? undefined : parseMac(digits);
  if (mac !== undefined) return { kind: 'mac', mac };
  if (UUID.test(lower)) return { kind: 'uuid', uuid: lower };
  // In upper case, so a file named `default` or `face` is not mistaken for one.
  if (/^[0-9A-F]{8}$/.test(name)) return { kind: 'address', address: ipv4(Number.parseInt(name, 16)) };
  if (/^[0-9A-F]{1,7}$/.test(name)) return { kind: 'address-prefix', digits: name };
  const identity = parseDefault(lower);
  if (directory === undefined || identity?.kind !== 'default') return identity;
  return { ...identity, architecture: identity.architecture ?? directory };
}

function parseSuffix(suffix: string): ConfigIdentity | undefined {
  const mac = suffix.length === 17 ? parseMac(suffix) : undefined;
  return mac === undefined ? parseDefault(suffix.toLowerCase()) : { kind: 'mac', mac };
}

function parseDefault(name: string): ConfigIdentity | undefined {
  const match = DEFAULT_NAME.exec(name);
  if (match === null) return undefined;
  const spelling = match[1];
  const architecture = spelling === undefined ? undefined : (parseCpu(spelling) ?? spelling);
  return { kind: 'default', architecture, subarchitecture: match[2] };
}

/** `undefined` if the language has no path for that identity. */
export function formatConfigPath(language: LoaderLanguage, identity: ConfigIdentity): string | undefined {
  const suffix = formatIdentity(language, identity);
  if (language === 'pxelinux') return suffix === undefined ? undefined : `pxelinux.cfg/${suffix}`;
  const first = language === 'grub' ? 'grub/grub.cfg' : 'ipxe.cfg';
  if (identity.kind === 'first') return first;
  return suffix === undefined ? undefined : `${first}-${suffix}`;
}

function formatIdentity(language: LoaderLanguage, identity: ConfigIdentity): string | undefined {
  switch (identity.kind) {
    case 'mac':
      if (language === 'pxelinux') return `01-${formatMac(identity.mac, '-')}`;
      return formatMac(identity.mac, language === 'grub' ? ':' : '-');
    case 'uuid':
      return language === 'pxelinux' ? identity.uuid : undefined;
    case 'address':
      return language === 'pxelinux' ? identity.address.toString(16).toUpperCase().padStart(8, '0') : undefined;
    case 'address-prefix':
      return language === 'pxelinux' ? identity.digits : undefined;
    case 'default': {
      const parts = ['default', identity.architecture, identity.subarchitecture];
      return parts.filter((part) => part !== undefined).join('-');
    }
    case 'first':
      return undefined;
    default:
      return unreachable(identity);
  }
}

/**
 * Reverses the bytes of the UUID's first three fields. SMBIOS stores them least significant octet
 * first (DMTF DSP0134 §7.2.1); loaders print the stored octets, operating systems the numbers.
 */
export function swapUuid(uuid: string): string {
  const turn = (digits: string): string => (digits.match(/../g) ?? []).reverse().join('');
  const [low = '', mid = '', high = '', ...rest] = uuid.split('-');
  return [turn(low), turn(mid), turn(high), ...rest].join('-');
}

/** The loaders in the tree's top directory, by the requested name in lower case. */
const LOADER_NAMES: ReadonlyMap<string, string> = new Map([
  ...['lpxelinux.0', 'pxelinux.0', 'undionly.kpxe', 'ipxe.efi', 'snponly.efi'].map(sameName),
  ...EFI_SUFFIXES.flatMap((cpu): [string, string][] => [
    [`boot${cpu}.efi`, `boot${cpu}.efi`],
    [`grub${cpu}.efi`, `grub${cpu}.efi`],
    // MokManager, which shim starts.
    [`mm${cpu}.efi`, `mm${cpu}.efi`],
    // As distributions ship shim and GRUB.
    [`shim${cpu}.efi`, `boot${cpu}.efi`],
    [`bootnet${cpu}.efi`, `boot${cpu}.efi`],
    [`grubnet${cpu}.efi`, `grub${cpu}.efi`],
  ]),
]);

function sameName(name: string): [string, string] {
  return [name, name];
}

/** `undefined` if there is none, or the path is that name. */
function findLoaderName(path: string): string | undefined {
  const base = path.slice(path.lastIndexOf('/') + 1).toLowerCase();
  // lpxelinux.0 asks for modules where it believes it came from.
  const name = LOADER_NAMES.get(base) ?? (/^[a-z0-9_]+\.c32$/.test(base) ? base : undefined);
  return name === path ? undefined : name;
}

export const isKernelFile = (file: string): boolean =>
  /(?:^|\/)(?:linux|vmlinuz[^/]*|initrd[^/]*|boot-kernel|boot-initrd)$/.test(file);
