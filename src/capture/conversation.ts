// Recognises the protocol of a datagram, and describes it. A TFTP transfer continues on ports that only its request reveals, so requests
// are recorded.
//
// 1. At most TRANSFERS_MAX requests are kept; the oldest is dropped first.

import { BoundedMap } from '../bounded-map.ts';
import { counted } from '../counted.ts';
import { type Description, hexText } from './description.ts';
import { describeDhcp, looksLikeDhcp } from './dhcp-description.ts';
import { describeDns } from './dns-description.ts';
import type { CapturedDatagram } from './link-layer.ts';
import { describeTftp } from './tftp-description.ts';

/** The most transfers with recorded ports. */
const TRANSFERS_MAX = 4096;

export type Protocol = 'dhcp' | 'tftp' | 'dns';

const DHCP_PORTS: ReadonlySet<number> = new Set([67, 68]);
const TFTP_PORT = 69;
const DNS_PORT = 53;

/** Ports in addition to the well-known ones. */
export interface FurtherPorts {
  readonly tftp?: number | undefined;
  readonly dns?: number | undefined;
}

/** Describes datagrams in the order of their capture. */
export class Conversation {
  readonly #tftpPorts: ReadonlySet<number>;
  readonly #dnsPorts: ReadonlySet<number>;
  /** The endpoints that requested files; address and port as one number. */
  readonly #clients = new BoundedMap<number, true>(TRANSFERS_MAX, 'set longest ago');

  constructor(further: FurtherPorts = {}) {
    this.#tftpPorts = new Set([TFTP_PORT, further.tftp ?? TFTP_PORT]);
    this.#dnsPorts = new Set([DNS_PORT, further.dns ?? DNS_PORT]);
  }

  /** The protocol of a datagram; undefined for any other. */
  protocolOf(datagram: CapturedDatagram): Protocol | undefined {
    const { from, fromPort, to, toPort, bytes } = datagram;
    if (DHCP_PORTS.has(toPort) || DHCP_PORTS.has(fromPort) || looksLikeDhcp(bytes)) return 'dhcp';
    if (this.#tftpPorts.has(toPort)) {
      this.#clients.set(from * 65_536 + fromPort, true);
      return 'tftp';
    }
    if (this.#clients.has(from * 65_536 + fromPort) || this.#clients.has(to * 65_536 + toPort)) return 'tftp';
    return this.#dnsPorts.has(toPort) || this.#dnsPorts.has(fromPort) ? 'dns' : undefined;
  }

  describe(datagram: CapturedDatagram): Description {
    return describeAs(this.protocolOf(datagram), datagram.bytes);
  }
}

/** Describes bytes as a datagram of a protocol; without a protocol, by their number and first bytes. */
export function describeAs(protocol: Protocol | undefined, bytes: Uint8Array): Description {
  switch (protocol) {
    case 'dhcp':
      return describeDhcp(bytes);
    case 'tftp':
      return describeTftp(bytes);
    case 'dns':
      return describeDns(bytes);
    case undefined:
      return {
        protocol: 'udp',
        summary: `${counted(bytes.length, 'byte')}: ${hexText(bytes)}`,
        fields: [],
        fault: undefined,
      };
  }
}

/** Guesses the protocol of a payload without ports: DHCP by its cookie, TFTP by its first bytes, otherwise DNS. */
export function guessProtocol(bytes: Uint8Array): Protocol {
  if (looksLikeDhcp(bytes)) return 'dhcp';
  const isTftp = bytes[0] === 0 && (bytes[1] ?? 0) >= 1 && (bytes[1] ?? 0) <= 6 && !looksLikeDns(bytes);
  return isTftp ? 'tftp' : 'dns';
}

/** True for a header with one question and plausible counts. */
function looksLikeDns(bytes: Uint8Array): boolean {
  const questions = ((bytes[4] ?? 0) << 8) | (bytes[5] ?? 0);
  return bytes.length >= 17 && questions === 1 && (bytes[6] ?? 0) === 0 && (bytes[8] ?? 0) === 0;
}
