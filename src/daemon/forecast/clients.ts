// The kinds of firmware and loaders that a machine may boot with, and the DISCOVER that each sends.
// Sources: captured DISCOVERs of SeaBIOS, OVMF, AAVMF and iPXE; RFC 4578 §2.1, RFC 3004 §4.

import type { Cpu } from '../../boot/architectures.ts';
import type { LoaderLanguage } from '../../boot/paths.ts';
import type { Lease } from '../../dhcp/leases/lease.ts';
import type { ServedSubnet } from '../../dhcp/networks/subnet.ts';
import { clientRequest, type DhcpMessage } from '../../dhcp/wire/message.ts';
import { addressBytes, MESSAGE_TYPE, OPTION } from '../../dhcp/wire/options.ts';
import { ANY, ipv4, type MacAddress } from '../../ground/address.ts';

/** A kind of firmware or loader that a machine may boot with. */
export interface ClientKind {
  readonly title: string;
  /** Option 93. */
  readonly code: number;
  /** Option 60. */
  readonly vendorClass: string;
  readonly isIpxe?: boolean;
  /** The CPU of the images that it boots. */
  readonly cpu: Cpu;
  /** The configuration language of its loader. */
  readonly language: LoaderLanguage;
}

/** The signs that a client itself showed, which replace those of its kind. */
export type ShownSigns = Partial<Pick<ClientKind, 'code' | 'vendorClass' | 'title'>>;

/** The kinds by their names on the command line. */
export const CLIENT_KINDS = {
  bios: {
    title: 'BIOS, PXE',
    code: 0,
    vendorClass: 'PXEClient:Arch:00000:UNDI:002001',
    cpu: 'amd64',
    language: 'pxelinux',
  },
  'uefi-amd64': {
    title: 'UEFI amd64, PXE',
    code: 7,
    vendorClass: 'PXEClient:Arch:00007:UNDI:003000',
    cpu: 'amd64',
    language: 'grub',
  },
  'uefi-arm64': {
    title: 'UEFI arm64, PXE',
    code: 11,
    vendorClass: 'PXEClient:Arch:00011:UNDI:003000',
    cpu: 'arm64',
    language: 'grub',
  },
  'uefi-i386': {
    title: 'UEFI i386, PXE',
    code: 6,
    vendorClass: 'PXEClient:Arch:00006:UNDI:003000',
    cpu: 'i386',
    language: 'grub',
  },
  'uefi-http-amd64': {
    title: 'UEFI amd64, HTTP boot',
    code: 16,
    vendorClass: 'HTTPClient:Arch:00016:UNDI:003001',
    cpu: 'amd64',
    language: 'grub',
  },
  'uefi-http-arm64': {
    title: 'UEFI arm64, HTTP boot',
    code: 19,
    vendorClass: 'HTTPClient:Arch:00019:UNDI:003001',
    cpu: 'arm64',
    language: 'grub',
  },
  'u-boot-arm64': { title: 'U-Boot, arm64', code: 22, vendorClass: 'U-Boot.armv8', cpu: 'arm64', language: 'pxelinux' },
  'u-boot-arm': { title: 'U-Boot, arm', code: 21, vendorClass: 'U-Boot.armv7', cpu: 'armhf', language: 'pxelinux' },
  ipxe: {
    title: 'iPXE',
    code: 0,
    vendorClass: 'PXEClient:Arch:00000:UNDI:002001',
    isIpxe: true,
    cpu: 'amd64',
    language: 'ipxe',
  },
} as const satisfies Readonly<Record<string, ClientKind>>;
export type ClientName = keyof typeof CLIENT_KINDS;

export const CLIENT_NAMES: readonly ClientName[] = Object.keys(CLIENT_KINDS).filter(isClientName);

export function isClientName(name: string): name is ClientName {
  return Object.hasOwn(CLIENT_KINDS, name);
}

const encodeLatin1 = (value: string): Uint8Array => Buffer.from(value, 'latin1');

/**
 * Builds the first DISCOVER of a client.
 * @param relayedSubnet the relayed network; `undefined` for a client on one of the rack's own
 * networks
 * @param uuid option 97, as the client last sent it; `undefined` if it sent none
 * @param lease the client's newest lease, with what the client and a relay agent reported for it;
 * `undefined` if it never had one
 */
export function buildDiscover(
  mac: MacAddress,
  client: ClientKind,
  relayedSubnet: ServedSubnet['subnet'] | undefined,
  uuid: string | undefined,
  lease: Lease | undefined,
): DhcpMessage {
  const options = new Map<number, Uint8Array>([
    [OPTION.messageType, Uint8Array.of(MESSAGE_TYPE.discover)],
    [OPTION.vendorClass, encodeLatin1(client.vendorClass)],
    [OPTION.clientArchitecture, Uint8Array.of(client.code >> 8, client.code & 0xff)],
  ]);
  if (client.isIpxe === true)
    options.set(OPTION.userClass, encodeLatin1('iPXE')).set(OPTION.ipxe, Uint8Array.of(1, 1, 1));
  if (uuid !== undefined) options.set(OPTION.clientUuid, Buffer.from(`00${uuid.replaceAll('-', '')}`, 'hex'));
  if (lease?.hostname !== undefined) options.set(OPTION.hostName, encodeLatin1(lease.hostname));
  if (lease?.clientId !== undefined) options.set(OPTION.clientIdentifier, encodeLatin1(lease.clientId));
  const relayOptions = [lease?.circuitId, lease?.remoteId].flatMap((id, index) =>
    id === undefined ? [] : [index + 1, id.length, ...encodeLatin1(id)],
  );
  let giaddr = ANY;
  if (relayedSubnet !== undefined) {
    const { network, relays, router } = relayedSubnet;
    giaddr = relays?.[0]?.address ?? router ?? ipv4(network.address + 1);
    // Link selection (RFC 3527 §3): the agent's own address may be in another network.
    relayOptions.push(5, 4, ...addressBytes(network.address));
  }
  if (relayOptions.length > 0) options.set(OPTION.relayAgentInformation, Uint8Array.from(relayOptions));
  return clientRequest(mac, options, { giaddr });
}
