// Decides what a machine loads next: method, server and path, in one place for DHCP, TFTP and HTTP.
//
// The built-in loaders, all in the top directory of the tree:
//
//   BIOS                 lpxelinux.0 by TFTP; with option 210 it continues by HTTP, else by TFTP (it needs ldlinux.c32 next to it)
//   UEFI amd64           bootx64.efi by TFTP: shim, which loads grubx64.efi next to it
//   UEFI arm64, i386     bootaa64.efi (then grubaa64.efi), bootia32.efi (then grubia32.efi)
//   UEFI, HTTP boot      the same shim and GRUB, as a URL: https if the site has set boot.http.tls
//   iPXE                 ipxe.cfg, a script, as a URL; by TFTP if there is no boot HTTP listener
//   U-Boot               none: it asks the server for pxelinux.cfg/… itself, or for a script that does so (u-boot-script.ts)
//
// Sources: RFC 2132 §9.4 and §9.5 (options 66, 67), RFC 5071 §5 (option 210), the UEFI
// specification §24.7 (HTTP boot).
//
// 1. The plan is a function of the client and the configuration, never of a stored file name.
// 2. iPXE never gets another loader, unless the operator names one for it, in a class or in `boot.loaders`.
// 3. Only lpxelinux gets a URL as prefix: pxelinux.0 would read it as a directory. Firmware of
//    another architecture gets its loader's directory as prefix, if it has one.
// 4. The reason names the applied quirk. It is a code with parameters, of which `region/reports/`
//    makes a sentence.

import type { Ipv4, MacAddress } from '../ground/address.ts';
import type { Owner } from '../net/shares/kept-apart.ts';
import { bootsFromHttp, findArchitecture } from './architectures.ts';
import type { BootClient } from './client.ts';
import type { BootConfig } from './config.ts';
import { findEndpointAt, findEndpointFor, findHttpBootEndpoint, formatBaseUrl } from './endpoint.ts';
import { baseName, isUrl } from './paths.ts';
import { findQuirk, type ProxyReply, type QuirkEffects, type QuirkName, type QuirkRule } from './quirks.ts';

export interface BootQuery {
  readonly client: BootClient;
  readonly mac: MacAddress;
  /** Option 97 in its byte order, lower case; `undefined` if absent. */
  readonly uuid?: string | undefined;
  /** Option 60; `undefined` if unknown. */
  readonly vendorClass?: string | undefined;
  readonly serverAddress: Ipv4;
  /** The key of the shared network of the client; default: one for all. */
  readonly sharedNetwork?: string | undefined;
  /** By option 93 number or `ipxe`, before `boot.loaders`, highest precedence first. Default: none. */
  readonly loaders?: readonly NamedLoaders[] | undefined;
  /** The client's rank; `undefined` if no machine is booting: nothing is then remembered. */
  readonly owner?: Owner | undefined;
}

interface NamedLoaders {
  readonly name: string;
  readonly loaders?: ReadonlyMap<string, string> | undefined;
}

/** Why a client does not get the built-in loader: fields of its DHCP events. */
interface PlanReason {
  /** The key of the loader: an option 93 number, or `ipxe`. */
  readonly loaderKey?: string | undefined;
  /** The class that names it; `undefined`: `boot.loaders` has it. */
  readonly loaderClass?: string | undefined;
  readonly quirk?: QuirkName | undefined;
  readonly quirkArchitecture?: number | undefined;
  /** Loaded `loopLoads` times without end. */
  readonly loopFile?: string | undefined;
  readonly loopLoads?: number | undefined;
}

export interface BootPlan {
  /** `siaddr` and option 66: the server for a bare file name. */
  readonly serverAddress: Ipv4;
  /**
   * `file` and option 67: a name in the tree, or an absolute URL; `undefined` for firmware that
   * needs only the server.
   */
  readonly file: string | undefined;
  /** Option 210: the prefix of pxelinux's next requests. */
  readonly pathPrefix?: string | undefined;
  /** Option 60; `undefined` for none, or in proxy mode for `PXEClient`. */
  readonly vendorClass?: string | undefined;
  /** Option 43; `undefined` for none, or in proxy mode for the one that tells the client to load the file. */
  readonly vendorOptions?: Uint8Array | undefined;
  /** `binl`: in proxy mode the client gets the file name only on port 4011. */
  readonly proxyReply?: ProxyReply | undefined;
  /** For the timeline; `undefined`: it is the built-in loader. */
  readonly reason: PlanReason | undefined;
}

/** Understands an HTTP prefix in option 210. */
const LPXELINUX = 'lpxelinux.0';
const NO_RULES: readonly QuirkRule[] = [];
const NO_EFFECTS: QuirkEffects = {};
/** iPXE's script. */
export const IPXE_SCRIPT = 'ipxe.cfg';

/**
 * @returns `undefined` if nothing fits: no loader for the number, or HTTP boot without a boot HTTP listener
 */
export function planBoot(query: BootQuery, config: BootConfig): BootPlan | undefined {
  const quirk = findQuirk(query, config.quirks ?? NO_RULES);
  const plan = planFor(query, quirk?.effects ?? NO_EFFECTS, config);
  if (quirk === undefined || plan === undefined) return plan;
  const { effects, name } = quirk;
  return {
    ...plan,
    vendorClass: plan.vendorClass ?? (effects.vendorOptions === undefined ? undefined : 'PXEClient'),
    vendorOptions: effects.vendorOptions,
    proxyReply: effects.proxyReply,
    reason: { ...plan.reason, quirk: name, quirkArchitecture: effects.architecture },
  };
}

function planFor(query: BootQuery, effects: QuirkEffects, config: BootConfig): BootPlan | undefined {
  const { serverAddress } = query;
  const { architecture } = effects;
  const client: BootClient = architecture === undefined ? query.client : { kind: 'other', architecture };
  const key = client.kind === 'ipxe' ? 'ipxe' : String(client.architecture);
  const ofClass = query.loaders?.find(({ loaders }) => loaders?.has(key) === true);
  const override = ofClass?.loaders?.get(key) ?? config.loaders.get(key);
  const builtIn = client.kind === 'ipxe' ? IPXE_SCRIPT : findBuiltInLoader(client);
  const name = override ?? effects.loader ?? builtIn;
  if (name === undefined)
    return client.kind === 'u-boot' ? { serverAddress, file: undefined, reason: undefined } : undefined;

  const reason = override === undefined ? undefined : { loaderKey: key, loaderClass: ofClass?.name };
  const byHttp = client.kind === 'uefi-http' || (client.kind === 'other' && bootsFromHttp(client.architecture));
  const vendorClass = byHttp ? 'HTTPClient' : undefined;
  if (isUrl(name)) return { serverAddress, file: name, vendorClass, reason };

  const path = name.replace(/^\/+/, '');
  const endpoint = byHttp ? findHttpBootEndpoint(config, serverAddress) : findEndpointFor(config.http, serverAddress);
  if (byHttp && endpoint === undefined) return undefined;
  if ((byHttp || client.kind === 'ipxe') && endpoint !== undefined) {
    return { serverAddress, file: `${formatBaseUrl(endpoint)}/${path}`, vendorClass, reason };
  }
  const pathPrefix = effects.plainTftp === true ? undefined : choosePathPrefix(client, path, serverAddress, config);
  return { serverAddress, file: path, pathPrefix, vendorClass, reason };
}

/** `undefined` if the table has none. */
const findBuiltInLoader = (client: BootClient): string | undefined =>
  client.kind === 'u-boot' ? undefined : findArchitecture(client.architecture)?.loader;

/** Option 210. */
function choosePathPrefix(client: BootClient, path: string, local: Ipv4, config: BootConfig): string | undefined {
  // PowerNV and s390x look for pxelinux configurations below their loader's directory.
  if ((client.kind === 'other' || client.kind === 'u-boot') && path.includes('/'))
    return path.slice(0, path.lastIndexOf('/') + 1);
  // TFTP serves the same files, so only a near listener is worth a prefix.
  const near = findEndpointAt(config.http, local);
  const wantsPrefix = client.kind === 'bios' && baseName(path) === LPXELINUX && near !== undefined;
  return wantsPrefix ? `${formatBaseUrl(near)}/` : undefined;
}
