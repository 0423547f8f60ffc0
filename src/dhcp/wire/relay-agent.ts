// The relay agent information option (82): what the relay says about the client's line. Sources: RFC 3046 §2, RFC 3527 (link selection,
// sub-option 5), RFC 5107 (server identifier override, sub-option 11).
//
// 1. The rack echoes the option byte for byte (RFC 3046 §2.2): it reads it, but never rebuilds it.

import { type Ipv4, ipv4 } from '../../net/address.ts';

/** The sub-options that the rack reads. */
const RELAY_SUBOPTION = { circuitId: 1, remoteId: 2, linkSelection: 5, serverIdentifierOverride: 11 } as const;

/** A relay's information about a client. */
export interface RelayInformation {
  /** The switch port, one character a byte; undefined: not given. */
  readonly circuitId: string | undefined;
  /** The switch or line, one character a byte; undefined: not given. */
  readonly remoteId: string | undefined;
  /** An address of the client's network, if `giaddr` is not in it (RFC 3527 §3). */
  readonly linkSelection: Ipv4 | undefined;
  /** The address the client must use as its server, so that renewals pass the relay too (RFC 5107 §4). */
  readonly serverIdentifierOverride: Ipv4 | undefined;
}

/** Reads option 82. Sub-options after a malformed one are ignored, and one of a wrong length counts as absent. */
export function readRelayInformation(option: Uint8Array): RelayInformation {
  const found = new Map<number, Uint8Array>();
  let offset = 0;
  while (offset + 2 <= option.length) {
    const code = option[offset] ?? 0;
    const end = offset + 2 + (option[offset + 1] ?? 0);
    if (end > option.length) break;
    if (!found.has(code)) found.set(code, option.subarray(offset + 2, end));
    offset = end;
  }
  return {
    circuitId: textOf(found.get(RELAY_SUBOPTION.circuitId)),
    remoteId: textOf(found.get(RELAY_SUBOPTION.remoteId)),
    linkSelection: addressOf(found.get(RELAY_SUBOPTION.linkSelection)),
    serverIdentifierOverride: addressOf(found.get(RELAY_SUBOPTION.serverIdentifierOverride)),
  };
}

function addressOf(bytes: Uint8Array | undefined): Ipv4 | undefined {
  if (bytes?.length !== 4) return undefined;
  return ipv4(((bytes[0] ?? 0) << 24) | ((bytes[1] ?? 0) << 16) | ((bytes[2] ?? 0) << 8) | (bytes[3] ?? 0));
}

const textOf = (bytes: Uint8Array | undefined): string | undefined =>
  bytes === undefined || bytes.length === 0 ? undefined : Buffer.from(bytes).toString('latin1');
