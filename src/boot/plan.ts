// What should this machine load next? Answered once, method, server and path together, for DHCP, TFTP and HTTP alike.
//
// The built-in loaders, all of them names in the top directory of the tree:
//
//   BIOS                 lpxelinux.0 by TFTP; by option 210 it goes on by HTTP, else by TFTP (it needs ldlinux.c32 beside it)
//   UEFI amd64           bootx64.efi by TFTP: shim, which loads grubx64.efi beside it
//   UEFI arm64, i386     bootaa64.efi (then grubaa64.efi), bootia32.efi (then grubia32.efi)
//   UEFI, HTTP boot      amd64: ipxe.efi, as a URL; others: the same names as by TFTP, as URLs
//   iPXE                 ipxe.cfg, a script, as a URL; by TFTP where there is no boot HTTP listener
//
// Sources: RFC 2132 §9.4 and §9.5 (options 66, 67), RFC 5071 §5 (option 210), the UEFI specification §24.7 (HTTP boot).
//
// 1. The answer is a function of who asks and of the configuration, never of a stored file name.
// 2. iPXE is never offered a loader of another stage, unless the operator names one for it.
// 3. Only lpxelinux is told a prefix: pxelinux.0 would take an HTTP prefix for a directory.

import { unreachable } from '../errors.ts';
import type { Ipv4, MacAddress } from '../net/address.ts';
import { bootsFromHttp, findArchitecture } from './architectures.ts';
import type { BootClient } from './client.ts';
import type { BootConfig } from './config.ts';
import { findEndpointAt, findEndpointFor, formatBaseUrl } from './endpoint.ts';

export interface BootQuery {
  readonly client: BootClient;
  readonly mac: MacAddress;
  /** Option 97, as its octets lie, lower case; undefined: it shows none. */
  readonly uuid?: string | undefined;
  /** The rack's own address in the machine's network. */
  readonly serverAddress: Ipv4;
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
  /** Why this file: for the timeline. */
  readonly reason: string;
}

/** The loader that understands an HTTP prefix in option 210. */
const LPXELINUX = 'lpxelinux.0';
/** iPXE's script. */
const IPXE_SCRIPT = 'ipxe.cfg';

const isUrl = (file: string): boolean => /^[a-z][a-z0-9+.-]*:\/\//i.test(file);
const baseName = (file: string): string => file.slice(file.lastIndexOf('/') + 1);

/**
 * Chooses what a boot client loads.
 *
 * @returns undefined: nothing fits; the client's number has no loader, or it boots by HTTP and there is no boot HTTP listener
 */
export function planBoot(query: BootQuery, config: BootConfig): BootPlan | undefined {
  const { client, serverAddress } = query;
  const key = client.kind === 'ipxe' ? 'ipxe' : String(client.architecture);
  const override = config.loaders.get(key);
  const name = override ?? (client.kind === 'ipxe' ? IPXE_SCRIPT : findArchitecture(client.architecture)?.loader);
  if (name === undefined) return undefined;

  const reason = `${describeClient(client)}${override === undefined ? '' : ` (boot.loaders ${key})`}`;
  const byHttp = client.kind === 'uefi-http' || (client.kind === 'other' && bootsFromHttp(client.architecture));
  const vendorClass = byHttp ? 'HTTPClient' : undefined;
  if (isUrl(name)) return { serverAddress, file: name, vendorClass, reason };

  const path = name.replace(/^\/+/, '');
  const endpoint = findEndpointFor(config.http, serverAddress);
  if (byHttp && endpoint === undefined) return undefined;
  if ((byHttp || client.kind === 'ipxe') && endpoint !== undefined) {
    return { serverAddress, file: `${formatBaseUrl(endpoint)}/${path}`, vendorClass, reason };
  }
  // Files beside the prefix can also be had by TFTP, so only a listener in the machine's own network is worth a prefix.
  const near = findEndpointAt(config.http, serverAddress);
  const wantsPrefix = client.kind === 'bios' && baseName(path) === LPXELINUX && near !== undefined;
  return {
    serverAddress,
    file: path,
    pathPrefix: wantsPrefix ? `${formatBaseUrl(near)}/` : undefined,
    vendorClass,
    reason,
  };
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
