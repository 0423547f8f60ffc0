// Identifies the firmware or loader of a boot client from its DHCP packets.
//
// Sources: RFC 4578 §2.1 (option 93), RFC 3004 §4 (option 77), the UEFI specification §24.7 (HTTPClient); captures of SeaBIOS,
// EDK2 and iPXE.
//
// 1. The ladder: iPXE is recognised before the firmware it runs in, because it repeats the firmware's vendor class and number. So it never
//    gets a loader again, only its script, and cannot chain-load itself forever.
// 2. The vendor class says how firmware loads (TFTP or HTTP), option 93 what it can run. Of a list (RFC 4578 §2.1) the number named in the
//    vendor class counts, else the first with a loader for that way of loading, else the first with a loader.
// 3. A client with neither iPXE's marks nor a PXE or HTTP vendor class does not boot from the network.

import { bootsFromHttp, findArchitecture } from './architectures.ts';

/** A boot client's DHCP options. */
export interface BootClientFacts {
  /** Option 93, in order (RFC 4578 §2.1 makes it a list); empty when absent. */
  readonly architectures: readonly number[];
  /** Option 60, as text; empty when absent. */
  readonly vendorClass: string;
  /** Option 77: each class, or the whole option if the client does not count them as RFC 3004 §4 requires. */
  readonly userClasses: readonly string[];
  /** True if option 175 is present (iPXE's encapsulated options). */
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
  /** A network boot with a number that has no built-in loader. */
  | { readonly kind: 'other'; readonly architecture: number };

/** iPXE's user class, bare and counted as RFC 3004 §4 requires. */
const IPXE_CLASSES = new Set(['iPXE', '\u0004iPXE']);
/** gPXE, iPXE's predecessor. Quirk: it sends option 175 too, but reads no script that begins with `#!ipxe`; it starts BIOS loaders. */
const GPXE_CLASSES = new Set(['gPXE', '\u0004gPXE']);

/** Chooses the client's number: of several, the firmware's if known; without any, the one in the vendor class, else 0 (BIOS). */
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
 * Identifies a boot client.
 *
 * @returns `undefined` if the packet does not belong to a network boot
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
  // Only UEFI boots by HTTP: no answer fits a BIOS number together with HTTPClient.
  return { kind: row === undefined || byHttp ? 'other' : 'bios', architecture };
}
