// Who asks: the firmware or loader on the other side, from what its DHCP packets say of it.
//
// Sources: RFC 4578 §2.1 (option 93), RFC 3004 §4 (option 77), the UEFI specification §24.7 (HTTPClient); captures of SeaBIOS,
// EDK2 and iPXE.
//
// 1. The ladder: iPXE is recognised before the firmware it runs in, for it repeats the firmware's vendor class and number.
//    So it is never given a loader again, only its script, and cannot chain-load itself for ever.
// 2. The vendor class says how firmware loads (TFTP or HTTP), option 93 what it can run. Of a list (RFC 4578 §2.1) that number counts
//    which the vendor class names, else the first with a loader for that way of loading, else the first with a loader.
// 3. A client that shows neither iPXE nor a PXE or HTTP vendor class does not boot from the network.

import { bootsFromHttp, findArchitecture } from './architectures.ts';

/** What DHCP shows of a boot client. */
export interface BootClientFacts {
  /** Option 93, in order (RFC 4578 §2.1 makes it a list); empty when absent. */
  readonly architectures: readonly number[];
  /** Option 60, as text; empty when absent. */
  readonly vendorClass: string;
  /** Option 77: each class, or the whole option where the client does not count them as RFC 3004 §4 wants. */
  readonly userClasses: readonly string[];
  /** Option 175 is there (iPXE's encapsulated options). */
  readonly ipxeOptions: boolean;
}

/** How a client loads its next file, and what it can run. */
export type BootClient =
  /** A PXE ROM of a BIOS machine: loads pxelinux by TFTP. */
  | { readonly kind: 'bios'; readonly architecture: number }
  /** iPXE in any firmware: loads a script by HTTP. */
  | { readonly kind: 'ipxe'; readonly architecture: number }
  /** UEFI that loads by TFTP. */
  | { readonly kind: 'uefi'; readonly cpu: 'amd64' | 'arm64' | 'i386'; readonly architecture: number }
  /** UEFI that loads by HTTP, and wants option 60 back. */
  | { readonly kind: 'uefi-http'; readonly cpu: 'amd64' | 'arm64' | 'i386'; readonly architecture: number }
  /** It says that it boots from the network, with a number that has no built-in loader. */
  | { readonly kind: 'other'; readonly architecture: number };

/** iPXE's user class, alone and counted as RFC 3004 §4 wants. */
const IPXE_CLASSES = new Set(['iPXE', '\u0004iPXE']);
/** Its forerunner's. Quirk: gPXE sends option 175 as well, but reads no script that begins with `#!ipxe`; it starts a loader of BIOS. */
const GPXE_CLASSES = new Set(['gPXE', '\u0004gPXE']);

/** Its number: of several the one of the firmware that asks, as far as it says; without any the one in the vendor class, else 0 (BIOS). */
function chooseArchitecture({ architectures, vendorClass }: BootClientFacts): number {
  const [first] = architectures;
  if (first !== undefined && architectures.length === 1) return first;
  const written = /^(?:PXE|HTTP)Client:Arch:(\d{5})/.exec(vendorClass)?.[1];
  const named = written === undefined ? undefined : Number(written);
  if (first === undefined) return named ?? 0;
  const known = architectures.filter((code) => findArchitecture(code) !== undefined);
  if (named !== undefined && known.includes(named)) return named;
  const byHttp = vendorClass.startsWith('HTTPClient');
  return known.find((code) => bootsFromHttp(code) === byHttp) ?? known[0] ?? first;
}

/**
 * Recognises a boot client.
 *
 * @returns undefined: the packet does not come from a network boot
 */
export function identifyBootClient(facts: BootClientFacts): BootClient | undefined {
  const isIpxe = facts.ipxeOptions || facts.userClasses.some((name) => IPXE_CLASSES.has(name));
  if (isIpxe && !facts.userClasses.some((name) => GPXE_CLASSES.has(name))) {
    return { kind: 'ipxe', architecture: chooseArchitecture(facts) };
  }
  const byHttp = facts.vendorClass.startsWith('HTTPClient');
  if (!byHttp && !facts.vendorClass.startsWith('PXEClient')) return undefined;
  const architecture = chooseArchitecture(facts);
  const row = findArchitecture(architecture);
  if (row?.firmware === 'uefi') return { kind: byHttp ? 'uefi-http' : 'uefi', cpu: row.cpu, architecture };
  // HTTP boot is a thing of UEFI: a BIOS number beside HTTPClient names nothing that can be answered.
  return { kind: row === undefined || byHttp ? 'other' : 'bios', architecture };
}
