// What should this machine load next? Answered once, method, server and path together, for DHCP, TFTP and HTTP alike.
//
// The built-in loaders, all of them names in the top directory of the tree:
//
//   BIOS                 lpxelinux.0 by TFTP; by option 210 it goes on by HTTP, else by TFTP (it needs ldlinux.c32 beside it)
//   UEFI amd64           bootx64.efi by TFTP: shim, which loads grubx64.efi beside it
//   UEFI arm64, i386     bootaa64.efi (then grubaa64.efi), bootia32.efi (then grubia32.efi)
//   UEFI, HTTP boot      amd64: ipxe.efi, as a URL; others: none, for their GRUB would stop at its prompt
//                        beside another DHCP server: ipxe.efi by TFTP
//   iPXE                 ipxe.cfg, a script, as a URL; by TFTP where there is no boot HTTP listener
//
// Sources: RFC 2132 §9.4 and §9.5 (options 66, 67), RFC 5071 §5 (option 210), the UEFI specification §24.7 (HTTP boot).
//
// 1. The answer is a function of who asks and of the configuration, never of a stored file name.
// 2. iPXE is never offered a loader of another stage, unless the operator names one for it, in a class or in `boot.loaders`.
// 3. Only lpxelinux is told a URL as prefix: pxelinux.0 would take it for a directory. Firmware of another architecture is told the
//    directory of its loader, where it has one.
// 4. What is done for a quirk is said in the reason.

import { unreachable } from '../errors.ts';
import type { Owner } from '../kept-apart.ts';
import type { Ipv4, MacAddress } from '../net/address.ts';
import { bootsFromHttp, findArchitecture } from './architectures.ts';
import type { BootClient } from './client.ts';
import type { BootConfig } from './config.ts';
import { findEndpointAt, findEndpointFor, formatBaseUrl } from './endpoint.ts';
import { findQuirk, type ProxyReply, type QuirkEffects, type QuirkRule } from './quirks.ts';

export interface BootQuery {
  readonly client: BootClient;
  readonly mac: MacAddress;
  /** Option 97, as its octets lie, lower case; undefined: it shows none. */
  readonly uuid?: string | undefined;
  /** Option 60; undefined: not known. */
  readonly vendorClass?: string | undefined;
  /** The rack's own address in the machine's network. */
  readonly serverAddress: Ipv4;
  /** Loaders by number of option 93 or `ipxe` that come before `boot.loaders`, the first first. Default: none. */
  readonly loaders?: readonly NamedLoaders[] | undefined;
  /** Another server gives the address. Default: false. */
  readonly proxied?: boolean | undefined;
  /** Who asks; undefined: nobody boots now, and nothing of the query is remembered. */
  readonly asker?: Owner | undefined;
}

/** Loaders of a class of clients. */
export interface NamedLoaders {
  readonly name: string;
  readonly loaders?: ReadonlyMap<string, string> | undefined;
}

/** The boot fields of a DHCP reply. */
export interface BootPlan {
  /** `siaddr` and option 66: where a bare file name is fetched from. */
  readonly serverAddress: Ipv4;
  /** `file` and option 67: a name in the tree, or an absolute URL. */
  readonly file: string;
  /** Option 210: prefix of what pxelinux asks next; undefined: none. */
  readonly pathPrefix?: string | undefined;
  /** Option 60 of the reply; undefined: echo what PXE wants (`PXEClient`) or nothing. */
  readonly vendorClass?: string | undefined;
  /** Option 43 of the reply; undefined: none, and in proxy mode the one that says to load the file. */
  readonly vendorOptions?: Uint8Array | undefined;
  /** `binl`: in proxy mode the client is told the file on port 4011 only. */
  readonly proxyReply?: ProxyReply | undefined;
  /** Why this file: for the timeline. */
  readonly reason: string;
}

/** The loader that understands an HTTP prefix in option 210. */
const LPXELINUX = 'lpxelinux.0';
const NO_RULES: readonly QuirkRule[] = [];
const NO_EFFECTS: QuirkEffects = {};
/** iPXE for UEFI on amd64. */
const IPXE_UEFI = 'ipxe.efi';
/** iPXE's script. */
export const IPXE_SCRIPT = 'ipxe.cfg';

const isUrl = (file: string): boolean => /^[a-z][a-z0-9+.-]*:\/\//i.test(file);
const baseName = (file: string): string => file.slice(file.lastIndexOf('/') + 1);

/**
 * Chooses what a boot client loads.
 *
 * @returns undefined: nothing fits; the client's number has no loader, or it boots by HTTP and there is no boot HTTP listener
 */
export function planBoot(query: BootQuery, config: BootConfig): BootPlan | undefined {
  const quirk = findQuirk(query, config.quirks ?? NO_RULES);
  const plan = planFor(query, quirk?.effects ?? NO_EFFECTS, config);
  if (quirk === undefined || plan === undefined) return plan;
  const { effects, firmware, name } = quirk;
  return {
    ...plan,
    vendorClass: plan.vendorClass ?? (effects.vendorOptions === undefined ? undefined : 'PXEClient'),
    vendorOptions: effects.vendorOptions,
    proxyReply: effects.proxyReply,
    reason: `${plan.reason}; quirk ${name}: ${firmware}`,
  };
}

function planFor(query: BootQuery, effects: QuirkEffects, config: BootConfig): BootPlan | undefined {
  const { serverAddress } = query;
  const { architecture } = effects;
  const client: BootClient = architecture === undefined ? query.client : { kind: 'other', architecture };
  const key = client.kind === 'ipxe' ? 'ipxe' : String(client.architecture);
  const ofClass = query.loaders?.find(({ loaders }) => loaders?.has(key) === true);
  const override = ofClass?.loaders?.get(key) ?? config.loaders.get(key);
  const builtIn = client.kind === 'ipxe' ? IPXE_SCRIPT : loaderOf(client, query.proxied === true);
  const name = override ?? effects.loader ?? builtIn;
  if (name === undefined) return undefined;

  const whose = ofClass === undefined ? `boot.loaders ${key}` : `loaders ${key} of class ${ofClass.name}`;
  const reason = `${describeClient(client)}${override === undefined ? '' : ` (${whose})`}`;
  const byHttp = client.kind === 'uefi-http' || (client.kind === 'other' && bootsFromHttp(client.architecture));
  const vendorClass = byHttp ? 'HTTPClient' : undefined;
  if (isUrl(name)) return { serverAddress, file: name, vendorClass, reason };

  const path = name.replace(/^\/+/, '');
  const endpoint = findEndpointFor(config.http, serverAddress);
  if (byHttp && endpoint === undefined) return undefined;
  if ((byHttp || client.kind === 'ipxe') && endpoint !== undefined) {
    return { serverAddress, file: `${formatBaseUrl(endpoint)}/${path}`, vendorClass, reason };
  }
  const pathPrefix = effects.plainTftp === true ? undefined : prefixOf(client, path, serverAddress, config);
  return { serverAddress, file: path, pathPrefix, vendorClass, reason };
}

/**
 * The loader of the built-in table; undefined: there is none.
 *
 * Quirk: GRUB 2.06 under UEFI takes the answer of the server that gave the address for the one that it was booted by, asks that server
 * for its configuration and stops at its prompt. iPXE asks both servers anew.
 */
function loaderOf(client: BootClient, proxied: boolean): string | undefined {
  if (proxied && client.kind === 'uefi' && client.cpu === 'amd64') return IPXE_UEFI;
  return findArchitecture(client.architecture)?.loader;
}

/** Option 210; undefined: none. */
function prefixOf(client: BootClient, path: string, local: Ipv4, config: BootConfig): string | undefined {
  // Firmware that reads pxelinux configurations by itself (PowerNV, s390x) finds them below the directory of what it was named.
  if (client.kind === 'other' && path.includes('/')) return path.slice(0, path.lastIndexOf('/') + 1);
  // Files beside the prefix can also be had by TFTP, so only a listener in the machine's own network is worth a prefix.
  const near = findEndpointAt(config.http, local);
  const wantsPrefix = client.kind === 'bios' && baseName(path) === LPXELINUX && near !== undefined;
  return wantsPrefix ? `${formatBaseUrl(near)}/` : undefined;
}

function describeClient(client: BootClient): string {
  switch (client.kind) {
    case 'bios':
      return 'BIOS, PXE';
    case 'ipxe':
      return 'iPXE';
    case 'uefi':
      return `UEFI ${client.cpu}, PXE`;
    case 'uefi-http':
      return `UEFI ${client.cpu}, HTTP boot`;
    case 'other':
      return `architecture ${client.architecture}`;
    default:
      return unreachable(client);
  }
}
