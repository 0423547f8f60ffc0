// The request this server sends to find other DHCP servers, and their replies. Pure. Sources: RFC
// 2131 §4.3.1, §4.4.1 (DISCOVER, OFFER); RFC 2132 §9.14 (client identifier); RFC 4578 §2 (how
// network boot firmware identifies itself).
//
// 1. The probe is PXE firmware, so that servers with boot information only also reply.
// 2. Its own client identifier keeps it apart from the host's lease.
// 3. It requests nothing, so the offers lapse.

import { ANY, formatMac, type Ipv4, type MacAddress, macFromBytes } from '../../ground/address.ts';
import { cleanText } from '../../ground/clean-text.ts';
import type { TappedDatagram } from '../../net/datagrams/frame-tap.ts';
import {
  BOOT_REPLY,
  BROADCAST_FLAG,
  clientRequest,
  type DhcpMessage,
  decodeDhcpMessage,
  encodeDhcpMessage,
} from '../wire/message.ts';
import {
  MESSAGE_TYPE,
  OPTION,
  optionAddress,
  optionText,
  optionU8,
  optionU16List,
  textBytes,
  u8Bytes,
} from '../wire/options.ts';

const PROBE_BYTES_MAX = 548;
const ETHERNET_BYTES = 6;
/** Type 0: not a hardware address (RFC 2132 §9.14). */
const IDENTIFIER_TEXT = '\0rackboot-probe-';
/** x86-64 UEFI, the most common. */
const ARCHITECTURE = Uint8Array.of(0, 7);
const VENDOR_CLASS = 'PXEClient:Arch:00007:UNDI:003000';
/** Characters kept of a foreign boot file. */
const FILE_CHARACTERS_MAX = 128;

/** The interface's hardware address, and the number replies repeat. */
export interface ProbeIdentity {
  readonly mac: MacAddress;
  readonly xid: number;
}

export function composeProbe({ mac, xid }: ProbeIdentity): Uint8Array {
  const options = new Map<number, Uint8Array>([
    [OPTION.messageType, u8Bytes(MESSAGE_TYPE.discover)],
    [OPTION.clientIdentifier, textBytes(`${IDENTIFIER_TEXT}${formatMac(mac)}`)],
    [OPTION.vendorClass, textBytes(VENDOR_CLASS)],
    [OPTION.clientArchitecture, ARCHITECTURE],
    [
      OPTION.parameterRequestList,
      Uint8Array.of(OPTION.subnetMask, OPTION.router, OPTION.leaseTime, OPTION.tftpServerName, OPTION.bootFileName),
    ],
  ]);
  return encodeDhcpMessage(clientRequest(mac, options, { xid, flags: BROADCAST_FLAG }), PROBE_BYTES_MAX).bytes;
}

export interface SeenServer {
  readonly server: Ipv4;
  readonly mac: MacAddress | undefined;
  readonly offered: Ipv4 | undefined;
  readonly leaseSeconds: number | undefined;
  readonly file: string | undefined;
  readonly isBootOnly: boolean;
}

/** Reads a datagram after a probe; undefined: no offer for it. */
export function decodeForeignOffer({ bytes, from, mac }: TappedDatagram, probe: ProbeIdentity): SeenServer | undefined {
  const decoded = decodeDhcpMessage(bytes);
  if (!decoded.ok) return undefined;
  const message = decoded.value;
  if (message.xid !== probe.xid || message.hlen !== ETHERNET_BYTES) return undefined;
  if (macFromBytes(message.chaddr) !== probe.mac) return undefined;
  if (optionU8(message.options, OPTION.messageType) !== MESSAGE_TYPE.offer) return undefined;
  return readServer(message, from, mac);
}

/** A reply's server and what it gives; undefined: no reply, or no server named. */
export function readServer(message: DhcpMessage, from: Ipv4, mac: MacAddress | undefined): SeenServer | undefined {
  if (message.op !== BOOT_REPLY) return undefined;
  const { options, yiaddr } = message;
  const server = optionAddress(options, OPTION.serverIdentifier) ?? from;
  if (server === ANY) return undefined;
  const [high, low] = optionU16List(options, OPTION.leaseTime);
  const file = cleanText(optionText(options, OPTION.bootFileName) ?? message.file, FILE_CHARACTERS_MAX);
  return {
    server,
    mac,
    offered: yiaddr === ANY ? undefined : yiaddr,
    leaseSeconds: high === undefined || low === undefined ? undefined : high * 0x10000 + low,
    file: file === '' ? undefined : file,
    isBootOnly: yiaddr === ANY,
  };
}
